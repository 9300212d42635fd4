"""Add the weekly digests."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models

from copilot.guard.tenancy import RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0004_related_alert'),
        ('slackbot', '0002_grants'),
    ]

    operations = [
        migrations.CreateModel(
            name='SlackDigest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('week', models.DateField(help_text='The Monday on which it is posted.')),
                ('channel', models.CharField(blank=True, max_length=100)),
                ('ts', models.CharField(blank=True, max_length=40)),
                ('attempted_at', models.DateTimeField(blank=True, help_text='When posting began: a message may exist since.', null=True)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('failures', models.PositiveIntegerField(db_default=0, default=0)),
                ('error', models.TextField(blank=True, db_default='', default='')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'ordering': ('-week',),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'week'), name='slack_digest_week')],
            },
        ),
        RowSecurity('SlackDigest'),
    ]
