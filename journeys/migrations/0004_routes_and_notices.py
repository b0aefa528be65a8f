import django.db.models.deletion
import tenants.scope
from django.db import migrations, models

ROUTES = [
    ('mass_task', 'WeCom message, confirmed by staff'),
    ('staff_task', 'task for staff'),
    ('app_message', 'note to staff in WeCom'),
    ('oa_message', 'customer message of the official account'),
    ('template', 'template message of the official account'),
    ('subscribe', 'subscribe message of the official account'),
    ('none', 'nothing is sent (test route)'),
]
NOTICES = [
    ('', 'not told'),
    ('waiting', 'about to be told'),
    ('sending', 'being told'),
    ('told', 'told'),
    ('failed', 'could not be told'),
    ('unknown', 'perhaps told'),
]


class Migration(migrations.Migration):

    dependencies = [
        ('journeys', '0003_sop_segment'),
        ('tenants', '0005_connecting'),
    ]

    operations = [
        migrations.AlterField(
            model_name='sopstep',
            name='route',
            field=models.CharField(choices=ROUTES, default='mass_task', max_length=12, verbose_name='route'),
        ),
        migrations.AlterField(
            model_name='touch',
            name='route',
            field=models.CharField(choices=ROUTES, max_length=12, verbose_name='route'),
        ),
        migrations.AddField(
            model_name='sopstep',
            name='fallbacks',
            field=models.JSONField(blank=True, default=list, verbose_name='otherwise'),
        ),
        migrations.AddField(
            model_name='sopstep',
            name='official',
            field=tenants.scope.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.wechataccount', verbose_name='official account'),
        ),
        migrations.AddField(
            model_name='sopstep',
            name='template_id',
            field=models.CharField(blank=True, default='', max_length=64, verbose_name='template id'),
        ),
        migrations.AddField(
            model_name='sopstep',
            name='template_fields',
            field=models.JSONField(blank=True, default=dict, verbose_name='template fields'),
        ),
        migrations.AddField(
            model_name='touch',
            name='ask',
            field=models.CharField(blank=True, choices=[('', '–'), ('remind', 'to remind'), ('cancel', 'to call back')], default='', max_length=6),
        ),
        migrations.AddField(
            model_name='touch',
            name='reminded',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='stafftask',
            name='notice',
            field=models.CharField(blank=True, choices=NOTICES, default='', max_length=8, verbose_name='member told'),
        ),
        migrations.AddField(
            model_name='stafftask',
            name='notice_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='stafftask',
            name='notice_message',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='stafftask',
            name='notice_request',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='stafftask',
            name='notice_tried_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='stafftask',
            name='notice_problem',
            field=models.CharField(blank=True, default='', max_length=100, verbose_name='problem'),
        ),
        migrations.AddIndex(
            model_name='stafftask',
            index=models.Index(condition=models.Q(('notice__in', ['waiting', 'sending'])), fields=['tenant', 'notice_at'], name='staff_task_notice'),
        ),
    ]
