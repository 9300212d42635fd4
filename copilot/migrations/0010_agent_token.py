"""Remember which token an agent was last seen with."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0009_keep_days'),
    ]

    operations = [
        migrations.AddField(
            model_name='agent',
            name='token_id',
            field=models.UUIDField(blank=True, help_text='The token that it was last seen with.', null=True),
        ),
    ]
