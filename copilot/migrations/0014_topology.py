"""Add what sources see of the topology: each source's arrows with their age, what they found, and when they were asked."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from copilot.guard.tenancy import RowSecurity


# Builds an index under a lock, on a table of some hundred rows that nobody waits for.
SEEN_ONCE = migrations.AddConstraint(
    model_name='servicedependency',
    constraint=models.UniqueConstraint(fields=('tenant', 'caller', 'callee', 'source'), name='service_dependency_seen'),
)


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0013_waiting_connection'),
    ]

    operations = [
        migrations.CreateModel(
            name='TopologySurvey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tried_at', models.DateTimeField()),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('services', models.PositiveIntegerField(default=0)),
                ('arrows', models.PositiveIntegerField(default=0)),
                ('detail', models.TextField(blank=True, help_text='What could not be seen, and why.')),
            ],
            options={
                'ordering': ('-tried_at',),
            },
        ),
        migrations.RemoveConstraint(
            model_name='servicedependency',
            name='service_dependency',
        ),
        migrations.AddField(
            model_name='service',
            name='entrance',
            field=models.CharField(blank=True, db_default='', help_text='Who says that users meet it first hand; empty: nobody.', max_length=60, verbose_name='users come in'),
        ),
        migrations.AddField(
            model_name='service',
            name='kind',
            field=models.CharField(choices=[('service', 'service'), ('database', 'database'), ('queue', 'queue'), ('external', 'outside')], db_default='service', default='service', max_length=10),
        ),
        migrations.AddField(
            model_name='service',
            name='origin',
            field=models.CharField(blank=True, db_default='', help_text='The source that found it; empty where people set it up.', max_length=60, verbose_name='found by'),
        ),
        migrations.AddField(
            model_name='service',
            name='seen_at',
            field=models.DateTimeField(blank=True, help_text='When a source last saw it.', null=True, verbose_name='last seen'),
        ),
        migrations.AddField(
            model_name='servicedependency',
            name='detail',
            field=models.CharField(blank=True, db_default='', help_text='Where it was seen, in words.', max_length=300),
        ),
        migrations.AddField(
            model_name='servicedependency',
            name='first_seen_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='servicedependency',
            name='last_seen_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.SeparateDatabaseAndState(database_operations=[SEEN_ONCE], state_operations=[SEEN_ONCE]),
        migrations.AddField(
            model_name='topologysurvey',
            name='connection',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='surveys', to='copilot.connection'),
        ),
        migrations.AddField(
            model_name='topologysurvey',
            name='tenant',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant'),
        ),
        migrations.AddConstraint(
            model_name='topologysurvey',
            constraint=models.UniqueConstraint(fields=('tenant', 'connection'), name='topology_survey_once'),
        ),
        RowSecurity('TopologySurvey'),
    ]
