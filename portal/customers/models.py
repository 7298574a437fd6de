"""Users sign in, by e-mail; customers own devices, post pictures and like them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Makes users known by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a user who can sign in with `email` and `password`; None allows no password."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a user who may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """Somebody who signs in: a customer, a member of staff, or both."""

    username = None  # type: ignore[assignment]  # people are known by their e-mail address
    email = models.EmailField(_("e-mail address"), unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_user_per_email"),
        ]

    def __str__(self) -> str:
        return self.email


class Customer(models.Model):
    """A person with an account here. Every sign-up gets one; staff need none."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="customer")
    handle = models.CharField(
        _("handle"),
        max_length=30,
        validators=[
            RegexValidator(
                r"^[a-z0-9](?:[a-z0-9_]*[a-z0-9])?\Z",
                _(
                    "Small letters, digits and underscores; "
                    "it begins and ends with a letter or digit."
                ),
            )
        ],
        help_text=_("Your address on the portal, for example @ada."),
    )
    display_name = models.CharField(_("display name"), max_length=60)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("handle"), name="one_customer_per_handle"),
        ]

    def __str__(self) -> str:
        return f"{self.display_name} (@{self.handle})"
