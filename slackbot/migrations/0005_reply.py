"""Add the answers that people are owed."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models

from copilot.guard.tenancy import RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0010_agent_token'),
        ('slackbot', '0004_digest_time'),
    ]

    operations = [
        migrations.CreateModel(
            name='SlackReply',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('person', models.CharField(max_length=32)),
                ('person_name', models.CharField(blank=True, max_length=200)),
                ('is_guest', models.BooleanField(default=False)),
                ('channel', models.CharField(blank=True, max_length=32)),
                ('sealed', models.BinaryField(help_text='The address that Slack takes the answer at.')),
                ('words', models.TextField(blank=True, help_text='What was typed after /sre.')),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('lease_until', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('attempt', models.PositiveIntegerField(db_default=0, default=0)),
                ('begun_at', models.DateTimeField(blank=True, help_text='When an answer to a whole channel was sent: it may have arrived since.', null=True)),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.connection')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'ordering': ('asked_at',),
                'indexes': [models.Index(fields=['tenant', 'lease_until'], name='slack_reply_overdue')],
            },
        ),
        RowSecurity('SlackReply'),
    ]
