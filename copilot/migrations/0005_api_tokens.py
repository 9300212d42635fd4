"""Add tokens of the REST API, and the answers kept for requests that come twice."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models

from copilot.guard.tenancy import RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0004_related_alert'),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('prefix', models.CharField(help_text='The part that may be shown; it tells tokens apart.', max_length=16)),
                ('digest', models.BinaryField(max_length=32)),
                ('role', models.CharField(choices=[('viewer', 'Viewer'), ('responder', 'Responder'), ('admin', 'Admin'), ('owner', 'Owner')], default='viewer', max_length=10)),
                ('scopes', models.JSONField(default=list)),
                ('per_minute', models.PositiveIntegerField(default=120, help_text='Requests that it may make in a minute.')),
                ('paced_until', models.DateTimeField(blank=True, help_text='When its requests so far would be through at their even pace.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.CharField(blank=True, max_length=200)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_by', models.CharField(blank=True, max_length=200)),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'verbose_name': 'API token',
                'ordering': ('name', '-created_at'),
            },
        ),
        migrations.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=255)),
                ('request', models.BinaryField(help_text='SHA-256 of method, path and body.', max_length=32)),
                ('claim', models.UUIDField(default=uuid.uuid4, help_text='Whose work it is; fences one that came back too late.')),
                ('lease_until', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('status', models.PositiveSmallIntegerField(blank=True, help_text='Empty while the work is under way.', null=True)),
                ('headers', models.JSONField(blank=True, default=dict)),
                ('body', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
                ('token', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='kept_answers', to='copilot.apitoken')),
            ],
        ),
        migrations.AddConstraint(
            model_name='apitoken',
            constraint=models.UniqueConstraint(fields=('tenant', 'prefix'), name='api_token_prefix'),
        ),
        migrations.AddConstraint(
            model_name='apitoken',
            constraint=models.UniqueConstraint(condition=models.Q(('revoked_at__isnull', True)), fields=('tenant', 'name'), name='api_token_name'),
        ),
        migrations.AddIndex(
            model_name='keptanswer',
            index=models.Index(fields=['tenant', 'created_at'], name='kept_answer_age'),
        ),
        migrations.AddConstraint(
            model_name='keptanswer',
            constraint=models.UniqueConstraint(fields=('tenant', 'token', 'key'), name='kept_answer_once'),
        ),
        RowSecurity('ApiToken'),
        RowSecurity('KeptAnswer'),
    ]
