"""Note of each tenant which sections of its runbooks the memory holds."""

import django.db.models.deletion
from django.db import migrations, models

from copilot.guard.tenancy import RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0017_plural'),
    ]

    operations = [
        migrations.CreateModel(
            name='RunbookMemory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Back end and model.', max_length=600)),
                ('digest', models.CharField(help_text="SHA-256 of the sections' ids.", max_length=64)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='copilot.tenant')),
            ],
            options={
                'verbose_name_plural': 'runbook memories',
                'constraints': [models.UniqueConstraint(fields=('tenant',), name='runbook_memory_once')],
            },
        ),
        RowSecurity('RunbookMemory'),
    ]
