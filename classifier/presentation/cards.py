"""What a pupil needs to sign in, as a card to print and as a line of a table."""

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from classifier.models import PupilGroup
from classifier.presentation.qr_codes import qr_code
from classifier.services.groups.pupils import Card
from classifier.services.history.spreadsheets import BYTE_ORDER_MARK, plain_text


@dataclass(frozen=True)
class ShownCard:
    """pin: in two halves, which a spreadsheet leaves as they are. qr: of the link."""

    nickname: str
    pin: str
    link: str
    qr: str = ""


def shown_cards(cards: Iterable[Card], absolute: Callable[[str], str]) -> list[ShownCard]:
    """absolute: makes an address with the site's name of a path."""
    shown = []
    for card in cards:
        link = absolute(reverse("pupil_link", args=[card.token]))
        shown.append(ShownCard(card.pupil.nickname, shown_pin(card.pin), link, qr_code(link)))
    return shown


def shown_pin(pin: str) -> str:
    return f"{pin[:3]} {pin[3:]}"


def cards_table(cards: Iterable[ShownCard], group: PupilGroup, address: str) -> str:
    """The cards as CSV, for lessons at a distance. address: where pupils sign in with the PIN."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow([_("Nickname"), _("PIN"), _("Link"), _("Group"), _("Code"), _("Address")])
    for card in cards:
        nickname, name = plain_text(card.nickname), plain_text(group.name)
        writer.writerow([nickname, card.pin, card.link, name, group.shown_code, address])
    return BYTE_ORDER_MARK + file.getvalue()
