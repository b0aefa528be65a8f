"""What do RFM scores of a period begin with? rfm/borders.py keeps it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.scope import TenantModel


class RfmBorders(TenantModel):
    """What a customer must surpass for the scores 2, 3, 4 and 5 of a period; see rfm/borders.py.

    Of a period without customers they are empty.
    """

    pk = models.CompositePrimaryKey("tenant_id", "start", "end")
    start = models.DateField()
    end = models.DateField()
    read_at = models.DateTimeField()
    r = ArrayField(models.DateTimeField())
    f = ArrayField(models.BigIntegerField())
    m = ArrayField(models.BigIntegerField())

    class Meta(TenantModel.Meta):
        pass
