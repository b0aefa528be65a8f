import django.core.validators
import django.db.models.deletion
import tenants.scope
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0010_tag_rules_and_pre_tags'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True, verbose_name='erased at')),
                ('by', models.CharField(max_length=80, verbose_name='by')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('counts', models.JSONField(default=dict, verbose_name='rows by table')),
                ('contact', tenants.scope.TenantForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='contacts.contact', verbose_name='contact')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'erasure',
                'verbose_name_plural': 'erasures',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='ErasedKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=16)),
                ('hash', models.BinaryField(max_length=16)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
                ('erasure', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.erasure')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Retention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(help_text='One kind, such as message.received, or a family: message.', max_length=64, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*\\.([a-z0-9_.]*)$')], verbose_name='kind of event')),
                ('days', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='kept for days')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('done_at', models.DateTimeField(editable=False, null=True, verbose_name='last run')),
                ('deleted', models.PositiveBigIntegerField(default=0, editable=False, verbose_name='deleted so far')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'retention rule',
                'verbose_name_plural': 'retention rules',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.AddIndex(
            model_name='erasure',
            index=models.Index(fields=['tenant', 'contact'], name='erasure_contact'),
        ),
        migrations.AddIndex(
            model_name='erasedkey',
            index=models.Index(fields=['tenant', 'hash'], name='erased_key_hash'),
        ),
        migrations.AddIndex(
            model_name='erasedkey',
            index=models.Index(fields=['tenant', 'erasure'], name='erased_key_of'),
        ),
        migrations.AddConstraint(
            model_name='retention',
            constraint=models.UniqueConstraint(fields=('tenant', 'kind'), name='retention_kind'),
        ),
    ]
