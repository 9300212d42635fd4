"""Add grants: short-lived permissions to install the app for a tenant."""

import django.db.models.deletion
from django.db import migrations, models

from copilot.config import config
from copilot.guard.tenancy import _if_role


def grants() -> str:
    """Return the rights on the thin table."""
    return ";\n".join(
        _if_role(role, f"GRANT SELECT, INSERT, UPDATE, DELETE ON slackbot_slackgrant TO {role}")
        for role in (config().app_role, config().staff_role)
    )


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0003_questions'),
        ('slackbot', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='SlackGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('kind', models.CharField(choices=[('link', 'Link'), ('state', 'State')], max_length=5)),
                ('actor', models.CharField(max_length=200)),
                ('expires_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
        ),
        migrations.RunSQL(grants(), migrations.RunSQL.noop),
    ]
