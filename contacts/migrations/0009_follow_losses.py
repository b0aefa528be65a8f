import django.db.models.deletion
import tenants.scope
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0008_fields_and_views'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ContactSettings',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sales_see', models.CharField(choices=[('own', 'their own customers'), ('team', "their team's customers")], default='own', max_length=4, verbose_name='sales see')),
                ('remind', models.CharField(choices=[('nobody', 'nobody'), ('staff', 'the member of staff who lost them'), ('owner', "the customer's owner"), ('both', 'both')], default='staff', max_length=6, verbose_name='whom to tell of a lost customer')),
                ('remind_when', models.CharField(choices=[('instant', 'at once'), ('digest', 'in one message at 08:00')], default='digest', max_length=7, verbose_name='when to tell')),
                ('remind_only_customer', models.BooleanField(default=True, verbose_name='only if the customer ended it')),
                ('remind_from_stage', models.CharField(blank=True, default='', max_length=40, verbose_name='only from this stage on')),
                ('remind_min_score', models.FloatField(blank=True, null=True, verbose_name='or with a score of at least')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'settings of customers',
                'verbose_name_plural': 'settings of customers',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant',), name='one_contact_settings')],
            },
        ),
        migrations.CreateModel(
            name='FollowLoss',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('opened_at', models.DateTimeField(verbose_name='opened')),
                ('ended_at', models.DateTimeField(verbose_name='ended')),
                ('ended_by', models.CharField(choices=[('customer', 'by the customer'), ('staff', 'by staff'), ('transfer', 'by transfer')], max_length=10, verbose_name='ended by')),
                ('days_kept', models.PositiveIntegerField(verbose_name='days kept')),
                ('tags', models.JSONField(default=list, verbose_name='tags')),
                ('stage', models.CharField(blank=True, max_length=40, verbose_name='stage')),
                ('score', models.FloatField(null=True, verbose_name='score')),
                ('source', models.CharField(choices=[('live_code', 'live code'), ('referral', 'referral'), ('import', 'import'), ('api', 'API'), ('platform', 'platform'), ('manual', 'by hand')], max_length=10, verbose_name='source')),
                ('channel', tenants.scope.TenantForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='contacts.channel', verbose_name='channel')),
                ('contact', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.contact', verbose_name='contact')),
                ('live_code', tenants.scope.TenantForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='contacts.livecode', verbose_name='live code')),
                ('staff', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.staff', verbose_name='staff')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'lost follow',
                'verbose_name_plural': 'lost follows',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', '-ended_at'], name='loss_ended'), models.Index(fields=['tenant', 'staff', '-ended_at'], name='loss_staff')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'contact', 'staff', 'ended_at'), name='loss_once')],
            },
        ),
        migrations.CreateModel(
            name='LossNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ended_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('withdrawn', models.BooleanField(default=False)),
                ('seen_at', models.DateTimeField(null=True)),
                ('state', models.CharField(choices=[('waiting', 'to be sent'), ('sending', 'being sent'), ('sent', 'sent'), ('desk', 'on the desk only'), ('failed', 'failed'), ('unknown', 'perhaps sent')], default='waiting', max_length=7)),
                ('message', models.UUIDField(null=True)),
                ('request', models.JSONField(null=True)),
                ('lease_until', models.DateTimeField(null=True)),
                ('first_tried_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, max_length=100)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('contact', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.contact')),
                ('recipient', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.staff')),
                ('staff', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.staff')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(condition=models.Q(('seen_at', None), ('withdrawn', False)), fields=['tenant', 'recipient', '-due_at'], name='loss_notice_unseen'), models.Index(condition=models.Q(('state__in', ['waiting', 'sending'])), fields=['tenant', 'due_at'], name='loss_notice_due')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'contact', 'staff', 'ended_at', 'recipient'), name='loss_notice_once')],
            },
        ),
    ]
