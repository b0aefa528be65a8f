import django.db.models.deletion
import tenants.scope
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0028_sends_at_wecom'),
        ('journeys', '0006_touch_provider'),
        ('tenants', '0006_sign_in_with_wecom'),
    ]

    operations = [
        migrations.CreateModel(
            name='SharedTask',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('gathering', 'Gathering'), ('ready', 'Ready'), ('asked', 'Asked'), ('waiting', 'Waiting'), ('done', 'Done')], default='gathering', max_length=9)),
                ('size', models.PositiveIntegerField(default=0)),
                ('attempt', models.PositiveIntegerField(default=0)),
                ('due_at', models.DateTimeField(null=True)),
                ('asked_at', models.DateTimeField(null=True)),
                ('provider_id', models.CharField(blank=True, default='', max_length=120)),
                ('called_back_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('account', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.wechataccount')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'shared mass task',
                'verbose_name_plural': 'shared mass tasks',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='touch',
            name='shared',
            field=tenants.scope.TenantForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='touches', to='journeys.sharedtask'),
        ),
        migrations.AddIndex(
            model_name='touch',
            index=models.Index(condition=models.Q(('shared__isnull', False)), fields=['tenant', 'shared'], name='touch_shared'),
        ),
        migrations.AddIndex(
            model_name='sharedtask',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['tenant', 'due_at'], name='shared_task_due'),
        ),
        migrations.AddIndex(
            model_name='sharedtask',
            index=models.Index(condition=models.Q(('asked_at__isnull', False)), fields=['tenant', 'asked_at'], name='shared_task_asked'),
        ),
        migrations.AddConstraint(
            model_name='sharedtask',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'gathering')), fields=('tenant', 'digest'), name='one_gathering_task'),
        ),
    ]
