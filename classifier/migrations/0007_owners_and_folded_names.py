from django.db import migrations
from django.db.models import OuterRef, Subquery


def fill(apps, schema_editor):
    """Give predictions the owners of their uploads, and uploads the names that are searched."""
    Prediction = apps.get_model('classifier', 'Prediction')
    Upload = apps.get_model('classifier', 'Upload')
    upload = Upload.objects.filter(pk=OuterRef('upload_id'))
    Prediction.objects.update(
        owner_id=Subquery(upload.values('owner_id')), visitor=Subquery(upload.values('visitor'))
    )
    batch = []
    for row in Upload.objects.exclude(original_name='').only('original_name').iterator(chunk_size=1000):
        row.folded_name = row.original_name.casefold()
        batch.append(row)
        if len(batch) == 1000:
            Upload.objects.bulk_update(batch, ['folded_name'])
            batch = []
    Upload.objects.bulk_update(batch, ['folded_name'])


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0006_corrections'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
