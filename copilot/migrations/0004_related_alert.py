"""Add alerts that joined an open incident."""

import django.db.models.deletion
import uuid
from django.db import migrations, models

from copilot.guard.tenancy import RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0003_questions'),
    ]

    operations = [
        migrations.CreateModel(
            name='RelatedAlert',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('source', models.CharField(max_length=40)),
                ('dedupe_key', models.CharField(max_length=300)),
                ('service_name', models.CharField(blank=True, max_length=200)),
                ('title', models.CharField(max_length=500)),
                ('severity', models.CharField(blank=True, max_length=20)),
                ('url', models.URLField(blank=True, max_length=1000)),
                ('rule', models.CharField(help_text='Why it joined, as it is shown.', max_length=300)),
                ('started_at', models.DateTimeField()),
                ('joined_at', models.DateTimeField(auto_now_add=True)),
                ('is_firing', models.BooleanField(default=True)),
                ('split_by', models.CharField(blank=True, max_length=200)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='related_alerts', to='copilot.incident')),
                ('split_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='split_from', to='copilot.incident')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'ordering': ('started_at', 'dedupe_key'),
                'indexes': [models.Index(fields=['tenant', '-joined_at'], name='related_alert_recent')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'incident', 'source', 'dedupe_key'), name='related_alert_once')],
            },
        ),
        RowSecurity('RelatedAlert'),
    ]
