from django.db import migrations, models

# Whoever is on the list is read whole: more than needed, once. The columns are looked for, as some
# databases have them already from an earlier form of 0013.
_COLUMNS = """
ALTER TABLE analytics_dirtycontact
  DROP COLUMN IF EXISTS orders, DROP COLUMN IF EXISTS spoke, DROP COLUMN IF EXISTS deeds,
  ADD COLUMN IF NOT EXISTS what smallint DEFAULT 0 NOT NULL
"""
_BACK = """
ALTER TABLE analytics_dirtycontact DROP COLUMN what,
  ADD COLUMN orders boolean DEFAULT false NOT NULL,
  ADD COLUMN spoke boolean DEFAULT false NOT NULL,
  ADD COLUMN deeds boolean DEFAULT false NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0017_cover_reached_steps")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(_COLUMNS, _BACK)],
            state_operations=[
                migrations.RemoveField(model_name="dirtycontact", name="orders"),
                migrations.RemoveField(model_name="dirtycontact", name="spoke"),
                migrations.RemoveField(model_name="dirtycontact", name="deeds"),
                migrations.AddField(
                    model_name="dirtycontact",
                    name="what",
                    field=models.SmallIntegerField(
                        choices=[
                            (0, "anything"),
                            (1, "orders"),
                            (2, "signs of life"),
                            (3, "on which days it did what"),
                            (4, "talk to it: nothing but what waited for that"),
                        ],
                        db_default=0,
                        default=0,
                    ),
                ),
            ],
        )
    ]
