import django.db.models.deletion
import tenants.scope
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0009_follow_losses'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='contacttag',
            name='why',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
        migrations.AddField(
            model_name='tag',
            name='local_only',
            field=models.BooleanField(db_default=False, default=False, help_text='Never sent to WeCom, and never taken away because WeCom does not know it.', verbose_name='only here'),
        ),
        migrations.CreateModel(
            name='PreTagList',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('swept_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'pre-tag list',
                'verbose_name_plural': 'pre-tag lists',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='PreTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('phone', 'phone'), ('unionid', 'unionid')], max_length=7, verbose_name='kind')),
                ('hash', models.BinaryField(max_length=16)),
                ('applied_at', models.DateTimeField(null=True, verbose_name='applied')),
                ('contact', tenants.scope.TenantForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='contacts.contact')),
                ('tag', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.tag')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
                ('of', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.pretaglist')),
            ],
            options={
                'verbose_name': 'pre-tag',
                'verbose_name_plural': 'pre-tags',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='TagRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('rule', models.JSONField(blank=True, default=dict, verbose_name='when this begins to hold')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('run_on_existing', models.BooleanField(default=False, help_text='Else it acts only when it begins to hold from now on.', verbose_name='also for contacts for whom it holds already')),
                ('state', models.CharField(choices=[('ready', 'in force'), ('running', 'looking at all contacts'), ('broken', 'needs repair')], default='ready', editable=False, max_length=7, verbose_name='state')),
                ('problem', models.CharField(blank=True, editable=False, max_length=500, verbose_name='problem')),
                ('done_to', models.BigIntegerField(editable=False, null=True)),
                ('run_acts', models.BooleanField(default=False, editable=False)),
                ('done', models.PositiveIntegerField(default=0, editable=False, verbose_name='looked at')),
                ('changed', models.PositiveIntegerField(default=0, editable=False, verbose_name='taggings changed')),
                ('looked_at', models.DateTimeField(editable=False, null=True, verbose_name='as of')),
                ('due_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed at')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'tag rule',
                'verbose_name_plural': 'tag rules',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='TagRuleMatch',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'rule_id', 'contact_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('holds', models.BooleanField(default=True)),
                ('counted_from', models.DateTimeField()),
                ('times', models.PositiveSmallIntegerField(default=0)),
                ('contact', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.contact')),
                ('rule', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.tagrule')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'match of a tag rule',
                'verbose_name_plural': 'matches of tag rules',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='TagRuleTag',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'rule_id', 'tag_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('removes', models.BooleanField(default=False)),
                ('rule', tenants.scope.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.tagrule')),
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
            model_name='tagrule',
            name='tags',
            field=models.ManyToManyField(related_name='+', through='contacts.TagRuleTag', to='contacts.tag', verbose_name='tags'),
        ),
        migrations.AddConstraint(
            model_name='pretaglist',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='pre_tag_list_name'),
        ),
        migrations.AddIndex(
            model_name='pretag',
            index=models.Index(fields=['tenant', 'of', '-id'], name='pre_tag_list'),
        ),
        migrations.AddIndex(
            model_name='pretag',
            index=models.Index(condition=models.Q(('applied_at', None)), fields=['tenant', 'id'], name='pre_tag_open'),
        ),
        migrations.AddIndex(
            model_name='pretag',
            index=models.Index(condition=models.Q(('contact', None), _negated=True), fields=['tenant', 'contact'], name='pre_tag_contact'),
        ),
        migrations.AddIndex(
            model_name='pretag',
            index=models.Index(fields=['tenant', 'tag'], name='pre_tag_tag'),
        ),
        migrations.AddConstraint(
            model_name='pretag',
            constraint=models.UniqueConstraint(fields=('tenant', 'kind', 'hash', 'of', 'tag'), name='pre_tag_once'),
        ),
        migrations.AddIndex(
            model_name='tagrulematch',
            index=models.Index(fields=['tenant', 'contact'], name='tag_rule_match_contact'),
        ),
        migrations.AddIndex(
            model_name='tagruletag',
            index=models.Index(fields=['tenant', 'tag'], name='tag_rule_of_tag'),
        ),
        migrations.AddIndex(
            model_name='tagrule',
            index=models.Index(condition=models.Q(('due_at', None), _negated=True), fields=['tenant', 'due_at'], name='tag_rule_due'),
        ),
        migrations.AddConstraint(
            model_name='tagrule',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='tag_rule_name'),
        ),
    ]
