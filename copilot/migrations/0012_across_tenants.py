"""Ask all tenants at once who has work that nobody holds, and how much waits."""

from django.db import migrations

from copilot.guard.tenancy import AcrossTenants

WITH_WORK = """
  SELECT one.tenant_id FROM copilot_delivery one WHERE one.handled_at IS NULL AND one.not_before <= statement_timestamp()
  UNION
  SELECT one.tenant_id FROM copilot_run one
    WHERE NOT (one.stage IN ('done', 'failed')) AND one.lease_until <= statement_timestamp() AND one.not_before <= statement_timestamp()
  UNION
  SELECT one.tenant_id FROM copilot_incident one
    WHERE one.publish_wanted_at IS NOT NULL AND one.publish_not_before <= statement_timestamp()
  UNION
  SELECT one.tenant_id FROM copilot_question one WHERE one.status = 'waiting' AND one.lease_until <= statement_timestamp()
"""

BACKLOG = """
  SELECT
    (SELECT min(one.received_at) FROM copilot_delivery one WHERE one.handled_at IS NULL AND one.not_before <= statement_timestamp()),
    min(one.created_at) FILTER (WHERE one.lease_until <= statement_timestamp() AND one.not_before <= statement_timestamp()),
    count(*) FILTER (WHERE one.created_at < late_before),
    count(*)
  FROM copilot_run one WHERE NOT (one.stage IN ('done', 'failed'))
"""


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0011_limits'),
    ]

    operations = [
        AcrossTenants(
            'copilot_tenants_with_work',
            WITH_WORK,
            tables=('copilot_delivery', 'copilot_run', 'copilot_incident', 'copilot_question'),
        ),
        AcrossTenants(
            'copilot_backlog',
            BACKLOG,
            tables=('copilot_delivery', 'copilot_run'),
            arguments='late_before timestamptz',
            returns='TABLE (oldest_delivery timestamptz, oldest_run timestamptz, late bigint, unfinished bigint)',
        ),
    ]
