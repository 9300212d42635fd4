"""Add questions, their answers and what people say of them."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models

from copilot.guard.tenancy import RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0002_row_security'),
    ]

    operations = [
        migrations.CreateModel(
            name='Question',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('face', models.CharField(max_length=20)),
                ('place', models.JSONField(default=dict)),
                ('thread', models.CharField(blank=True, help_text='Questions of one thread know of each other.', max_length=120)),
                ('person', models.CharField(max_length=200)),
                ('person_name', models.CharField(blank=True, max_length=200)),
                ('may_look', models.BooleanField(default=False, help_text="Whether the person's role lets live sources be asked.")),
                ('text', models.TextField()),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('answered', 'Answered'), ('stopped', 'Stopped'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('stop_wanted_at', models.DateTimeField(blank=True, null=True)),
                ('attempt', models.PositiveIntegerField(db_default=0, default=0)),
                ('lease_until', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('answered_by', models.CharField(blank=True, choices=[('model', 'Model'), ('rules', 'Rules')], max_length=6)),
                ('note', models.TextField(blank=True, help_text='Why the model did not answer, or what cut its answer short.')),
                ('answer', models.JSONField(blank=True, default=list)),
                ('sources', models.JSONField(blank=True, default=list)),
                ('error', models.TextField(blank=True)),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('incident', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='questions', to='copilot.incident')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'ordering': ('-asked_at',),
            },
        ),
        migrations.CreateModel(
            name='AnswerFeedback',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person', models.CharField(max_length=200)),
                ('person_name', models.CharField(blank=True, max_length=200)),
                ('value', models.CharField(choices=[('up', 'Up'), ('down', 'Down')], max_length=4)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
                ('question', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='feedback', to='copilot.question')),
            ],
            options={
                'verbose_name_plural': 'answer feedback',
            },
        ),
        migrations.AddField(
            model_name='modelcall',
            name='question',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='model_calls', to='copilot.question'),
        ),
        migrations.AddIndex(
            model_name='question',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['tenant', 'lease_until'], name='question_waiting'),
        ),
        migrations.AddIndex(
            model_name='question',
            index=models.Index(fields=['tenant', 'thread', 'asked_at'], name='question_thread'),
        ),
        migrations.AddConstraint(
            model_name='answerfeedback',
            constraint=models.UniqueConstraint(fields=('tenant', 'question', 'person'), name='answer_feedback_once'),
        ),
        RowSecurity('Question'),
        RowSecurity('AnswerFeedback'),
    ]
