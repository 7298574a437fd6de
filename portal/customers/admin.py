"""People for staff: who signs in, and which customer stands behind whom."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from portal.customers.models import Customer, User


class CustomerInline(StackedInline):  # type: ignore[misc]  # unfold ships no types
    """The customer of a user; staff may have none."""

    model = Customer
    extra = 0
    fields = ["display_name", "handle", "created_at"]
    readonly_fields = ["created_at"]
    can_delete = False  # as in CustomerAdmin, and for its reason


_POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class EmailCreationForm(UserCreationForm):  # type: ignore[misc]
    """A new user, known by e-mail address."""

    class Meta:
        model = User
        fields = ("email",)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """Everybody who signs in."""

    form = UserChangeForm
    add_form = EmailCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["email", "customer", "is_staff", "is_active", "last_login"]
    list_filter = ["is_staff", "is_superuser", "is_active"]
    list_select_related = ["customer"]
    search_fields = ["email", "customer__handle", "customer__display_name"]
    ordering = ["email"]
    inlines = [CustomerInline]
    filter_horizontal = ["groups", "user_permissions"]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (
            _("What they may do"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (_("When"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def get_readonly_fields(
        self, request: HttpRequest, obj: User | None = None
    ) -> tuple[str, ...] | list[str]:
        """Only a superuser decides what others may do: who edits users could do all else."""
        may_decide = isinstance(request.user, User) and request.user.is_superuser
        return [*self.readonly_fields, *(() if may_decide else _POWERS)]

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Deny: deleting a user takes a customer's pictures along, but not their files."""
        return False


@admin.register(Customer)
class CustomerAdmin(ModelAdmin):  # type: ignore[misc]
    """Everybody who has an account here."""

    list_display = ["display_name", "handle", "user", "created_at"]
    list_select_related = ["user"]
    search_fields = ["display_name", "handle", "user__email"]
    autocomplete_fields = ["user"]
    readonly_fields = ["created_at"]
    ordering = ["-pk"]
    list_per_page = 50

    def has_delete_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        """Deny: an account is closed by its use case, which takes its pictures and files along."""
        return False


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ModelAdmin):  # type: ignore[misc]
    """What members of staff may do together."""

    search_fields = ["name"]
    ordering = ["name"]
    filter_horizontal = ["permissions"]
