import campaigns.models.broadcasts
import tenants.scope
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0002_sent_at_wecom'),
        ('contacts', '0028_sends_at_wecom'),
    ]

    operations = [
        migrations.AddField(
            model_name='broadcast',
            name='kind',
            field=models.CharField(choices=[('promotion', 'promotion'), ('service', 'service'), ('greeting', 'greeting')], default='promotion', help_text='What counts against the pace of touches of a customer.', max_length=9, verbose_name='kind'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='segment_name',
            field=models.CharField(blank=True, default='', editable=False, max_length=100),
        ),
        migrations.AlterField(
            model_name='broadcast',
            name='segment',
            field=tenants.scope.TenantForeignKey(blank=True, null=True, on_delete=campaigns.models.broadcasts.keep_while_going, related_name='+', to='contacts.segment', verbose_name='segment or list'),
        ),
    ]
