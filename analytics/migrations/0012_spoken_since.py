from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0011_plans'),
    ]

    operations = [
        migrations.AddField(
            model_name='dirtycontact',
            name='since',
            field=models.DateTimeField(null=True),
        ),
    ]
