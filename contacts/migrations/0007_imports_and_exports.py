import contacts.models.exports
import django.contrib.postgres.fields
import django.db.models.deletion
import tenants.scope
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0006_merges'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Export',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.UUIDField(editable=False)),
                ('kind', models.CharField(max_length=20, verbose_name='kind')),
                ('format', models.CharField(choices=[('csv', 'CSV'), ('xlsx', 'XLSX')], max_length=4, verbose_name='format')),
                ('query', models.JSONField(blank=True, default=dict, verbose_name='filters')),
                ('by_admin', models.BooleanField(default=False, editable=False)),
                ('columns', models.JSONField(default=list, verbose_name='columns')),
                ('whole_phones', models.BooleanField(default=False, verbose_name='whole phone numbers')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('language', models.CharField(blank=True, editable=False, max_length=10)),
                ('status', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('expired', 'expired')], default='queued', editable=False, max_length=7, verbose_name='status')),
                ('error_message', models.CharField(blank=True, editable=False, max_length=500, verbose_name='problem')),
                ('total', models.PositiveIntegerField(editable=False, null=True, verbose_name='rows')),
                ('done', models.PositiveIntegerField(default=0, editable=False, verbose_name='rows done')),
                ('file', models.FileField(blank=True, editable=False, max_length=300, upload_to=contacts.models.exports.path_of_export)),
                ('with_key', models.BooleanField(default=False, editable=False)),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='asked for at')),
                ('finished_at', models.DateTimeField(editable=False, null=True, verbose_name='finished')),
                ('expires_at', models.DateTimeField(editable=False, null=True, verbose_name='until')),
            ],
            options={
                'verbose_name': 'export',
                'verbose_name_plural': 'exports',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='ImportedRows',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
            options={
                'verbose_name': 'imported rows',
                'verbose_name_plural': 'imported rows',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.RemoveIndex(
            model_name='import',
            name='import_open',
        ),
        migrations.AddField(
            model_name='import',
            name='files_gone_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='import',
            name='lines_done',
            field=models.PositiveIntegerField(default=0, editable=False, verbose_name='rows done'),
        ),
        migrations.AddField(
            model_name='import',
            name='lines_total',
            field=models.PositiveIntegerField(editable=False, null=True, verbose_name='rows'),
        ),
        migrations.AddField(
            model_name='import',
            name='undo_kept',
            field=models.PositiveIntegerField(default=0, editable=False, verbose_name='kept'),
        ),
        migrations.AddField(
            model_name='import',
            name='undone',
            field=models.PositiveIntegerField(default=0, editable=False, verbose_name='taken out'),
        ),
        migrations.AddField(
            model_name='import',
            name='undone_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='undone at'),
        ),
        migrations.AlterField(
            model_name='import',
            name='status',
            field=models.CharField(choices=[('draft', 'columns to be checked'), ('queued', 'queued'), ('running', 'running'), ('paused', 'paused'), ('done', 'done'), ('failed', 'failed'), ('undoing', 'being undone'), ('undone', 'undone')], default='queued', editable=False, max_length=7, verbose_name='status'),
        ),
        migrations.AddIndex(
            model_name='import',
            index=models.Index(condition=models.Q(('status__in', ['queued', 'running', 'undoing'])), fields=['tenant', 'id'], name='import_to_do'),
        ),
        migrations.AddIndex(
            model_name='import',
            index=models.Index(condition=models.Q(('files_gone_at', None)), fields=['tenant', 'created_at'], name='import_with_files'),
        ),
        migrations.AddField(
            model_name='export',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='export',
            name='user',
            field=models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='importedrows',
            name='of',
            field=tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.import'),
        ),
        migrations.AddField(
            model_name='importedrows',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddIndex(
            model_name='export',
            index=models.Index(fields=['tenant', '-id'], name='export_newest'),
        ),
        migrations.AddIndex(
            model_name='export',
            index=models.Index(condition=models.Q(('status__in', ['queued', 'running'])), fields=['tenant', 'id'], name='export_to_do'),
        ),
        migrations.AddIndex(
            model_name='export',
            index=models.Index(condition=models.Q(('status', 'done')), fields=['tenant', 'expires_at'], name='export_lying'),
        ),
        migrations.AddIndex(
            model_name='importedrows',
            index=models.Index(fields=['tenant', 'of', 'id'], name='imported_rows_of'),
        ),
    ]
