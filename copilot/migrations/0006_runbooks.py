"""Add runbooks, and what they are searched by."""

import copilot.models.runbook
import django.db.models.deletion
import uuid
from django.db import migrations, models

from copilot.guard.tenancy import RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0005_api_tokens'),
    ]

    operations = [
        # Trusted since PostgreSQL 13: the owner of the database may create it. pgvector is not; `copilot database prepare` makes it.
        migrations.RunSQL('CREATE EXTENSION IF NOT EXISTS pg_trgm', migrations.RunSQL.noop),
        migrations.CreateModel(
            name='Runbook',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('source', models.CharField(help_text='A folder, repository, address, `upload` or `starter`.', max_length=500)),
                ('path', models.CharField(help_text='Within the source.', max_length=500)),
                ('title', models.CharField(max_length=300)),
                ('services', models.JSONField(blank=True, default=list, help_text='Names of the services it is for; none: any.')),
                ('causes', models.JSONField(blank=True, default=list, help_text='Kinds of cause it is for.')),
                ('keywords', models.JSONField(blank=True, default=list, help_text='What else people call it: alerts, error texts.')),
                ('link', models.URLField(blank=True, help_text='Where people read it.', max_length=1000)),
                ('version', models.PositiveIntegerField(default=1)),
                ('content_hash', models.CharField(max_length=64)),
                ('written_at', models.DateTimeField(blank=True, help_text="The newest version's own date.", null=True)),
                ('read_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'ordering': ('title', 'source', 'path'),
            },
        ),
        migrations.CreateModel(
            name='RunbookChunk',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField()),
                ('heading', models.CharField(blank=True, max_length=300)),
                ('text', models.TextField()),
                ('steps', models.JSONField(blank=True, default=list)),
                ('search', copilot.models.runbook.SearchVector(editable=False, null=True)),
                ('runbook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='copilot.runbook')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'ordering': ('runbook', 'position'),
            },
        ),
        migrations.CreateModel(
            name='RunbookTerm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('word', models.CharField(max_length=200)),
                ('chunks', models.PositiveIntegerField()),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
        ),
        migrations.CreateModel(
            name='RunbookVector',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('model', models.CharField(max_length=200)),
                ('values', copilot.models.runbook.Numbers(default='{}')),
                ('chunk', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='vector', to='copilot.runbookchunk')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='RunbookVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('text', models.TextField()),
                ('content_hash', models.CharField(max_length=64)),
                ('revision', models.CharField(blank=True, help_text='The commit, where it comes from Git.', max_length=64)),
                ('written_at', models.DateTimeField(blank=True, help_text="The document's own date, where it is known.", null=True)),
                ('read_at', models.DateTimeField()),
                ('read_by', models.CharField(blank=True, max_length=200)),
                ('runbook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='copilot.runbook')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'ordering': ('runbook', '-number'),
            },
        ),
        migrations.AddConstraint(
            model_name='runbook',
            constraint=models.UniqueConstraint(fields=('tenant', 'source', 'path'), name='runbook_once'),
        ),
        migrations.AddConstraint(
            model_name='runbookchunk',
            constraint=models.UniqueConstraint(fields=('tenant', 'runbook', 'position'), name='runbook_chunk_position'),
        ),
        migrations.AddConstraint(
            model_name='runbookterm',
            constraint=models.UniqueConstraint(fields=('tenant', 'word'), name='runbook_term_once'),
        ),
        migrations.AddConstraint(
            model_name='runbookversion',
            constraint=models.UniqueConstraint(fields=('tenant', 'runbook', 'number'), name='runbook_version_number'),
        ),
        RowSecurity('Runbook'),
        RowSecurity('RunbookVersion'),
        RowSecurity('RunbookChunk'),
        RowSecurity('RunbookTerm'),
        RowSecurity('RunbookVector'),
        # Vectors and sections are read in whole: kept in their rows, they are not fetched one by one from elsewhere.
        migrations.RunSQL(
            'ALTER TABLE copilot_runbookvector ALTER COLUMN "values" SET STORAGE MAIN;'
            ' ALTER TABLE copilot_runbookchunk ALTER COLUMN search SET STORAGE MAIN',
            migrations.RunSQL.noop,
        ),
    ]
