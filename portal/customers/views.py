"""Pages on which customers look after themselves."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.customers.accounts import rename_customer
from portal.customers.forms import CustomerForm
from portal.customers.models import Customer


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """Show and change how the signed-in customer is shown to others."""
    customer = get_object_or_404(Customer, user_id=request.user.pk)
    form = CustomerForm(request.POST or None, instance=customer)
    if request.method == "POST" and form.is_valid():
        if rename_customer(customer=customer, **form.cleaned_data):
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(request.path)
        form.add_error("handle", _("This handle is not free."))
    return render(request, "customers/settings.html", {"form": form})
