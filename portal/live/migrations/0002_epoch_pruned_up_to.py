"""Remember up to which number updates were pruned."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("live", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="epoch",
            name="pruned_up_to",
            field=models.BigIntegerField(default=0),
        ),
    ]
