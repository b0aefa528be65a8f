import django.db.models.deletion
import tenants.scope
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0002_segments'),
        ('journeys', '0002_links_of_merged'),
    ]

    operations = [
        migrations.AddField(
            model_name='sop',
            name='segment',
            field=tenants.scope.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='contacts.segment', verbose_name='only segment'),
        ),
    ]
