"""Let a connection wait for its first webhook."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0012_across_tenants'),
    ]

    operations = [
        migrations.AlterField(
            model_name='connection',
            name='health',
            field=models.CharField(choices=[('unknown', 'Unknown'), ('works', 'Works'), ('failing', 'Failing'), ('waiting', 'Waiting')], default='unknown', max_length=10),
        ),
    ]
