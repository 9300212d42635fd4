"""Add agents in customers' clusters, their tokens, and what they are asked."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models

from copilot.config import config
from copilot.guard.tenancy import RowSecurity, _if_role


def grants() -> str:
    """Return the rights on the tokens, which are looked up before the tenant is known."""
    rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON copilot_agenttoken TO"
    return ";\n".join(_if_role(role, f"{rights} {role}") for role in (config().app_role, config().staff_role))


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0006_runbooks'),
    ]

    operations = [
        migrations.CreateModel(
            name='Agent',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60)),
                ('version', models.CharField(blank=True, max_length=40)),
                ('instance', models.UUIDField(blank=True, help_text='Made anew each time that the process starts.', null=True)),
                ('sources', models.JSONField(blank=True, default=list)),
                ('started_at', models.DateTimeField(blank=True, help_text='When this process was first seen.', null=True)),
                ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                ('refused_at', models.DateTimeField(blank=True, help_text='When a stale token of it was last refused.', null=True)),
                ('refused_reason', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.AddField(
            model_name='connection',
            name='agent',
            field=models.ForeignKey(blank=True, help_text='Asked through this agent, which holds the credentials itself; nothing is sealed here then.', null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='connections', to='copilot.agent'),
        ),
        migrations.CreateModel(
            name='AgentRequest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('request', models.JSONField()),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('taken', 'Taken'), ('answered', 'Answered'), ('failed', 'Failed'), ('expired', 'Expired')], default='waiting', max_length=10)),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('instance', models.UUIDField(blank=True, help_text='The process that took it.', null=True)),
                ('deadline', models.DateTimeField()),
                ('lease_until', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('max_bytes', models.PositiveIntegerField()),
                ('answer', models.BinaryField(blank=True, null=True)),
                ('answer_bytes', models.PositiveIntegerField(default=0)),
                ('reason', models.TextField(blank=True, help_text='Why there is no answer, or not all of it.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='requests', to='copilot.agent')),
                ('connection', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='copilot.connection')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'ordering': ('-created_at',),
            },
        ),
        migrations.CreateModel(
            name='AgentToken',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('token_hash', models.BinaryField(max_length=32, unique=True)),
                ('label', models.CharField(help_text='The part of the token that tells it from others, and opens nothing.', max_length=12)),
                ('agent_id', models.UUIDField(db_index=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='agent_name'),
        ),
        migrations.AddIndex(
            model_name='agentrequest',
            index=models.Index(condition=models.Q(('state__in', ('waiting', 'taken'))), fields=['tenant', 'agent', 'created_at'], name='agent_request_open'),
        ),
        migrations.AddIndex(
            model_name='agentrequest',
            index=models.Index(fields=['tenant', 'created_at'], name='agent_request_age'),
        ),
        RowSecurity('Agent'),
        RowSecurity('AgentRequest'),
        migrations.RunSQL(grants(), migrations.RunSQL.noop),
    ]
