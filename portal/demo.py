"""What the demo makes ready: people with published passwords, and devices that belong to them."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import transaction

from devices.models import Device, Product
from particle_integration.simulator.chance import Chance
from particle_integration.simulator.devices import Fleet
from particle_integration.simulator.state import PRODUCT_ID, PRODUCT_SLUG
from portal.customers.models import Customer, User

STAFF_EMAIL = "staff@example.com"
STAFF_PASSWORD = "rainbow-staff"  # noqa: S105 - printed by the demo, and refused without DEBUG
CUSTOMER_PASSWORD = "rainbow-customer"  # noqa: S105 - as above


@dataclass(frozen=True)
class DemoPerson:
    """One customer of the demo."""

    handle: str
    display_name: str

    @property
    def email(self) -> str:
        """Where this person signs in."""
        return f"{self.handle}@example.com"


PEOPLE = (
    DemoPerson("ada", "Ada Aurora"),
    DemoPerson("ben", "Ben Berry"),
    DemoPerson("cleo", "Cleo Comet"),
)


def seed(*, device_count: int, simulator_seed: int) -> None:
    """Make people, product and devices, those of a simulated cloud started alike; may run again."""
    with transaction.atomic():
        _user(STAFF_EMAIL, STAFF_PASSWORD, is_staff=True, is_superuser=True)
        customers = [_customer(person) for person in PEOPLE]
        product, _ = Product.objects.get_or_create(
            particle_product_id=PRODUCT_ID,
            defaults={"slug": PRODUCT_SLUG, "name": "Rainbow button"},
        )
        fleet = Fleet(count=device_count, chance=Chance(simulator_seed), developer_id="")
        for index, virtual in enumerate(fleet.all):
            device, _ = Device.objects.get_or_create(
                particle_device_id=virtual.id,
                defaults={"name": virtual.name, "product": product},
            )
            if device.owner_id is None:
                device.owner = customers[index % len(customers)]
                device.save(update_fields=["owner"])


def _customer(person: DemoPerson) -> Customer:
    user = _user(person.email, CUSTOMER_PASSWORD)
    customer, _ = Customer.objects.get_or_create(
        user=user, defaults={"handle": person.handle, "display_name": person.display_name}
    )
    return customer


def _user(email: str, password: str, *, is_staff: bool = False, is_superuser: bool = False) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(
            email, password, is_staff=is_staff, is_superuser=is_superuser
        )
    EmailAddress.objects.get_or_create(
        user=user, email=email, defaults={"verified": True, "primary": True}
    )
    return user
