"""Add a tenant's limits, what is used of them, and the days on which one was reached."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from copilot.guard.tenancy import RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0010_agent_token'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='dollars_per_day',
            field=models.FloatField(blank=True, help_text='What the model may cost in a UTC day; 0: it is not asked; empty: as the deployment is set.', null=True, validators=[django.core.validators.MinValueValidator(0)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='evidence_megabytes',
            field=models.PositiveIntegerField(blank=True, help_text='What one investigation reads of all sources together; 0: no limit; empty: as the deployment is set.', null=True),
        ),
        migrations.AddField(
            model_name='tenant',
            name='keep_raw_days',
            field=models.PositiveIntegerField(blank=True, help_text='Webhooks as they came go after so many days; 0: never; empty: as the deployment is set.', null=True),
        ),
        migrations.AddField(
            model_name='tenant',
            name='runs_per_hour',
            field=models.PositiveIntegerField(blank=True, help_text='Investigations above this are made by rules alone, of few sources; 0: no limit; empty: as the deployment is set.', null=True),
        ),
        migrations.AddField(
            model_name='tenant',
            name='webhooks_per_minute',
            field=models.PositiveIntegerField(blank=True, help_text='Webhooks above this are kept and taken in a minute later; 0: no limit; empty: as the deployment is set.', null=True),
        ),
        migrations.CreateModel(
            name='LimitReached',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('limit', models.CharField(choices=[('dollars_per_day', 'dollars a day'), ('runs_per_hour', 'runs an hour'), ('webhooks_per_minute', 'webhooks a minute'), ('evidence_megabytes', 'megabytes of evidence a run')], max_length=30)),
                ('day', models.DateField(help_text='UTC.')),
                ('first_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('last_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('times', models.PositiveIntegerField(db_default=1, default=1)),
                ('detail', models.CharField(blank=True, db_default='', default='', max_length=500)),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'verbose_name_plural': 'limits reached',
                'ordering': ('-last_at', '-id'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'limit', 'day'), name='limit_reached_once')],
            },
        ),
        migrations.CreateModel(
            name='LimitUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('limit', models.CharField(choices=[('dollars_per_day', 'dollars a day'), ('runs_per_hour', 'runs an hour'), ('webhooks_per_minute', 'webhooks a minute'), ('evidence_megabytes', 'megabytes of evidence a run')], max_length=30)),
                ('subject', models.CharField(blank=True, db_default='', default='', max_length=60)),
                ('window', models.DateTimeField(help_text='When the window that is counted began.')),
                ('used', models.PositiveIntegerField(db_default=0, default=0)),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'limit', 'subject'), name='limit_use_once')],
            },
        ),
        RowSecurity("LimitReached"),
        RowSecurity("LimitUse"),
    ]
