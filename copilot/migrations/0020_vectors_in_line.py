"""Keep vectors beside their row: reading each out of line takes longer than comparing it. Rows that are there move when written anew."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('copilot', '0019_budgets'),
    ]

    operations = [
        migrations.RunSQL(
            'ALTER TABLE copilot_runbookvector ALTER COLUMN "values" SET STORAGE MAIN',
            'ALTER TABLE copilot_runbookvector ALTER COLUMN "values" SET STORAGE EXTENDED',
        ),
    ]
