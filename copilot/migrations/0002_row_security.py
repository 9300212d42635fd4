"""Raise the walls between tenants, and give each role no more than it needs."""

from django.db import migrations

from copilot.config import config
from copilot.guard.tenancy import RowSecurity, _if_role

WALLED = (
    "ChangeRecord",
    "Confirmation",
    "Connection",
    "Delivery",
    "EventRecord",
    "EvidenceRecord",
    "Feedback",
    "Hypothesis",
    "Incident",
    "IncidentCounter",
    "Membership",
    "ModelCall",
    "RankingRecord",
    "Run",
    "Service",
    "ServiceDependency",
    "SourceCall",
    "StageResult",
)


def grants() -> str:
    """Return the rights on the thin tables, and the admin's on everything that it serves."""
    app, staff = config().app_role, config().staff_role
    return ";\n".join(
        (
            _if_role(app, f"GRANT SELECT, INSERT, UPDATE ON copilot_tenant TO {app}"),
            _if_role(app, f"GRANT SELECT, INSERT, UPDATE, DELETE ON copilot_endpoint TO {app}"),
            _if_role(app, f"GRANT SELECT ON django_migrations, django_content_type TO {app}"),
            _if_role(app, f"GRANT SELECT (id, username, email, is_active) ON auth_user TO {app}"),
            _if_role(app, f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {app}"),
            _if_role(staff, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {staff}"),
            _if_role(staff, f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {staff}"),
            _if_role(staff, f"REVOKE UPDATE, DELETE ON copilot_auditentry FROM {staff}"),
        )
    )


class Migration(migrations.Migration):
    """Follow the tables with their walls."""

    dependencies = (
        ("copilot", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("sessions", "0001_initial"),
    )

    operations = (
        *(RowSecurity(model) for model in WALLED),
        RowSecurity("AuditEntry", append_only=True),
        migrations.RunSQL(grants(), migrations.RunSQL.noop),
    )
