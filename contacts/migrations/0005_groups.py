import django.db.models.deletion
import tenants.scope
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0004_seal_stored_contacts'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Group',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chat_id', models.CharField(blank=True, max_length=64, null=True, verbose_name='chat id')),
                ('name', models.CharField(blank=True, max_length=100, verbose_name='name')),
                ('notice', models.TextField(blank=True, max_length=2000, verbose_name='notice')),
                ('founded_at', models.DateTimeField(blank=True, null=True, verbose_name='founded')),
                ('dismissed_at', models.DateTimeField(blank=True, null=True, verbose_name='dismissed')),
                ('seen_at', models.DateTimeField(editable=False, null=True, verbose_name='members as of')),
                ('member_version', models.CharField(blank=True, editable=False, max_length=64)),
                ('members_now', models.PositiveIntegerField(default=0, editable=False, verbose_name='members')),
                ('staff_now', models.PositiveIntegerField(default=0, editable=False, verbose_name='staff')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('owner', tenants.scope.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.staff', verbose_name='group owner')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'group',
                'verbose_name_plural': 'groups',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='GroupMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('external', models.CharField(max_length=64, null=True, verbose_name='unknown account')),
                ('name', models.CharField(blank=True, max_length=100, verbose_name='name in the group')),
                ('in_since', models.DateTimeField(null=True, verbose_name='in since')),
                ('left_at', models.DateTimeField(null=True, verbose_name='left at')),
                ('contact', tenants.scope.TenantForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='contacts.contact', verbose_name='contact')),
                ('group', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.group', verbose_name='group')),
                ('staff', tenants.scope.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.staff', verbose_name='staff')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'group member',
                'verbose_name_plural': 'group members',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='GroupMove',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('joins', models.BooleanField()),
                ('way', models.CharField(blank=True, choices=[('', 'unknown'), ('invited', 'invited by a member'), ('link', 'by an invitation link'), ('qr', 'by QR code'), ('left', 'left by themselves'), ('removed', 'removed by staff'), ('missing', 'no longer on the list of members'), ('dismissed', 'group dismissed')], max_length=10)),
                ('state', models.CharField(blank=True, max_length=64)),
                ('guessed', models.BooleanField(default=False)),
                ('heard', models.BooleanField(default=False)),
                ('invited_by', tenants.scope.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.staff')),
                ('member', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.groupmember')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='GroupSpell',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('joined_at', models.DateTimeField(verbose_name='joined at')),
                ('join_way', models.CharField(blank=True, choices=[('', 'unknown'), ('invited', 'invited by a member'), ('link', 'by an invitation link'), ('qr', 'by QR code'), ('left', 'left by themselves'), ('removed', 'removed by staff'), ('missing', 'no longer on the list of members'), ('dismissed', 'group dismissed')], max_length=10, verbose_name='way of joining')),
                ('state', models.CharField(blank=True, max_length=64, verbose_name='state')),
                ('left_at', models.DateTimeField(null=True, verbose_name='left at')),
                ('quit_way', models.CharField(blank=True, choices=[('', 'unknown'), ('invited', 'invited by a member'), ('link', 'by an invitation link'), ('qr', 'by QR code'), ('left', 'left by themselves'), ('removed', 'removed by staff'), ('missing', 'no longer on the list of members'), ('dismissed', 'group dismissed')], max_length=10, verbose_name='way of leaving')),
                ('group', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.group')),
                ('invited_by', tenants.scope.TenantForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.staff', verbose_name='invited by')),
                ('member', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.groupmember')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='GroupTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.group')),
                ('tag', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.tag')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='group',
            name='tags',
            field=models.ManyToManyField(blank=True, related_name='+', through='contacts.GroupTag', to='contacts.tag', verbose_name='tags'),
        ),
        migrations.CreateModel(
            name='GroupDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('joined', models.PositiveIntegerField(default=0)),
                ('left', models.PositiveIntegerField(default=0)),
                ('group', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.group')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'group', 'day'), name='group_day_once')],
            },
        ),
        migrations.AddIndex(
            model_name='groupmember',
            index=models.Index(condition=models.Q(('contact', None), _negated=True), fields=['tenant', 'contact'], name='group_member_contact'),
        ),
        migrations.AddIndex(
            model_name='groupmember',
            index=models.Index(condition=models.Q(('external', None), _negated=True), fields=['tenant', 'external'], name='group_member_external'),
        ),
        migrations.AddIndex(
            model_name='groupmember',
            index=models.Index(condition=models.Q(('left_at', None), _negated=True), fields=['tenant', 'left_at', 'id'], name='group_member_left'),
        ),
        migrations.AddConstraint(
            model_name='groupmember',
            constraint=models.UniqueConstraint(fields=('tenant', 'group', 'contact'), name='group_contact_once'),
        ),
        migrations.AddConstraint(
            model_name='groupmember',
            constraint=models.UniqueConstraint(fields=('tenant', 'group', 'staff'), name='group_staff_once'),
        ),
        migrations.AddConstraint(
            model_name='groupmember',
            constraint=models.UniqueConstraint(fields=('tenant', 'group', 'external'), name='group_external_once'),
        ),
        migrations.AddConstraint(
            model_name='groupmember',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('contact', None), ('staff', None)), models.Q(('contact', None), ('external', None)), models.Q(('external', None), ('staff', None)), _connector='OR'), name='group_member_is_one'),
        ),
        migrations.AddConstraint(
            model_name='groupmove',
            constraint=models.UniqueConstraint(fields=('tenant', 'member', 'at', 'joins'), name='group_move_once'),
        ),
        migrations.AddIndex(
            model_name='groupspell',
            index=models.Index(fields=['tenant', 'group', 'joined_at'], name='group_spell_joined'),
        ),
        migrations.AddIndex(
            model_name='groupspell',
            index=models.Index(condition=models.Q(('left_at', None), _negated=True), fields=['tenant', 'group', 'left_at'], name='group_spell_left'),
        ),
        migrations.AddConstraint(
            model_name='groupspell',
            constraint=models.UniqueConstraint(fields=('tenant', 'member', 'joined_at'), name='group_spell_once'),
        ),
        migrations.AddConstraint(
            model_name='groupspell',
            constraint=models.CheckConstraint(condition=models.Q(('left_at', None), ('left_at__gte', models.F('joined_at')), _connector='OR'), name='group_spell_in_order'),
        ),
        migrations.AddIndex(
            model_name='grouptag',
            index=models.Index(fields=['tenant', 'tag'], name='group_of_tag'),
        ),
        migrations.AddConstraint(
            model_name='grouptag',
            constraint=models.UniqueConstraint(fields=('tenant', 'group', 'tag'), name='group_tag_once'),
        ),
        migrations.AddIndex(
            model_name='group',
            index=models.Index(fields=['tenant', 'owner'], name='group_owner'),
        ),
        migrations.AddConstraint(
            model_name='group',
            constraint=models.UniqueConstraint(fields=('tenant', 'chat_id'), name='group_chat_id'),
        ),
    ]
