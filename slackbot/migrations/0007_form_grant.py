"""Let grants be links to forms in which a source's secrets are entered."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('slackbot', '0006_across_tenants'),
    ]

    operations = [
        migrations.AddField(
            model_name='slackgrant',
            name='channel',
            field=models.CharField(blank=True, db_default='', default='', max_length=32),
        ),
        migrations.AddField(
            model_name='slackgrant',
            name='connection_id',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='slackgrant',
            name='person',
            field=models.CharField(blank=True, db_default='', default='', max_length=32),
        ),
        migrations.AddField(
            model_name='slackgrant',
            name='subject',
            field=models.CharField(blank=True, db_default='', default='', max_length=60),
        ),
        migrations.AddField(
            model_name='slackgrant',
            name='used_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='slackgrant',
            name='kind',
            field=models.CharField(choices=[('link', 'Link'), ('state', 'State'), ('form', 'Form')], max_length=5),
        ),
    ]
