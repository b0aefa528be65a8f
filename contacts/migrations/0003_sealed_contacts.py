import tenants.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0002_segments'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='contact',
            name='contact_phone',
        ),
        migrations.AddField(
            model_name='contact',
            name='email_hash',
            field=tenants.fields.BlindIndexField(of='email'),
        ),
        migrations.AddField(
            model_name='contact',
            name='phone_hash',
            field=tenants.fields.BlindIndexField(of='phone'),
        ),
        migrations.AlterField(
            model_name='contact',
            name='email',
            field=tenants.fields.EncryptedField(blank=True, bound_to='id', null=True, verbose_name='e-mail'),
        ),
        migrations.AlterField(
            model_name='contact',
            name='phone',
            field=tenants.fields.EncryptedField(blank=True, bound_to='id', null=True, verbose_name='phone'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['tenant', 'phone_hash'], name='contact_phone_hash'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(condition=models.Q(('email_hash__isnull', False)), fields=['tenant', 'email_hash'], name='contact_email_hash'),
        ),
    ]
