"""Ask all tenants at once whose thread lags behind, and who is owed an answer."""

from django.db import migrations

from copilot.guard.tenancy import AcrossTenants

WITH_WORK = """
  SELECT one.tenant_id FROM slackbot_slackpost one
    WHERE one.key = 'root' AND one.shown < one.wanted AND one.lease_until <= statement_timestamp() AND one.not_before <= statement_timestamp()
  UNION
  SELECT one.tenant_id FROM slackbot_slackreply one WHERE one.lease_until <= statement_timestamp()
"""


class Migration(migrations.Migration):

    dependencies = [
        ('slackbot', '0005_reply'),
    ]

    operations = [
        AcrossTenants(
            'slackbot_tenants_with_work', WITH_WORK, tables=('slackbot_slackpost', 'slackbot_slackreply')
        ),
    ]
