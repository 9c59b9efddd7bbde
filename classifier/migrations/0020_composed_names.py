import unicodedata

from django.db import migrations

BATCH = 1000


def compose(apps, schema_editor):
    """Bring the names of uploads to Unicode's form C, as new ones are stored."""
    Upload = apps.get_model('classifier', 'Upload')
    batch = []
    for row in Upload.objects.exclude(original_name='').only('original_name', 'folded_name').iterator(chunk_size=BATCH):
        name = unicodedata.normalize('NFC', row.original_name)[:255]
        folded = unicodedata.normalize('NFC', name.casefold())
        if (name, folded) == (row.original_name, row.folded_name):
            continue
        row.original_name, row.folded_name = name, folded
        batch.append(row)
        if len(batch) == BATCH:
            Upload.objects.bulk_update(batch, ['original_name', 'folded_name'])
            batch = []
    Upload.objects.bulk_update(batch, ['original_name', 'folded_name'])


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0019_upload_name_by_pattern'),
    ]

    operations = [
        migrations.RunPython(compose, migrations.RunPython.noop, elidable=True),
    ]
