import django.db.models.deletion
import tenants.scope
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0001_initial'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('description', models.CharField(blank=True, max_length=500, verbose_name='description')),
                ('kind', models.CharField(choices=[('rule', 'by rule'), ('static', 'list by hand')], default='rule', max_length=6, verbose_name='kind')),
                ('rule', models.JSONField(blank=True, default=dict, verbose_name='rule')),
                ('state', models.CharField(choices=[('counting', 'being counted'), ('ready', 'ready'), ('broken', 'needs repair')], default='counting', editable=False, max_length=8, verbose_name='state')),
                ('problem', models.CharField(blank=True, editable=False, max_length=500, verbose_name='problem')),
                ('size', models.PositiveIntegerField(editable=False, null=True, verbose_name='members')),
                ('evaluated_at', models.DateTimeField(editable=False, null=True, verbose_name='as of')),
                ('counted_at', models.DateTimeField(editable=False, null=True)),
                ('due_at', models.DateTimeField(editable=False, null=True)),
                ('basis', models.CharField(blank=True, editable=False, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'segment',
                'verbose_name_plural': 'segments',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='SegmentDay',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'segment_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('entered', models.PositiveIntegerField(default=0)),
                ('left', models.PositiveIntegerField(default=0)),
                ('segment', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.segment')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='SegmentMember',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'segment_id', 'contact_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('entered_at', models.DateTimeField(verbose_name='since')),
                ('contact', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.contact')),
                ('segment', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.segment')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='SegmentTouch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('contact_id', models.BigIntegerField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='SegmentUse',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'segment_id', 'used_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('segment', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.segment')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
                ('used', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='contacts.segment')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.AddIndex(
            model_name='segment',
            index=models.Index(condition=models.Q(('due_at', None), _negated=True), fields=['tenant', 'due_at'], name='segment_due'),
        ),
        migrations.AddConstraint(
            model_name='segment',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='segment_name'),
        ),
        migrations.AddIndex(
            model_name='segmentmember',
            index=models.Index(fields=['tenant', 'contact'], name='segment_member_contact'),
        ),
        migrations.AddIndex(
            model_name='segmentuse',
            index=models.Index(fields=['tenant', 'used'], name='segment_use_used'),
        ),
    ]
