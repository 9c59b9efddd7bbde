"""A teacher's groups: create them, open them to new pupils, and replace their codes."""

from datetime import timedelta

from django.contrib.auth.models import AnonymousUser, Permission, User
from django.db.models import QuerySet
from django.utils import timezone

from classifier.models import PupilGroup
from classifier.services.groups.names import new_code, read_code

#: The permission that makes a teacher.
TEACH = "classifier.teach"
#: For how many hours a group can be opened.
OPEN_HOURS = (1, 2, 4, 8, 24)


def groups_of(user: User | AnonymousUser) -> QuerySet[PupilGroup]:
    """The groups of a teacher, newest first; none without the permission."""
    return PupilGroup.objects.filter(teacher=user) if user.has_perm(TEACH) else PupilGroup.objects.none()  # type: ignore[misc]


def let_teach(*, user: User, may: bool) -> None:
    """Give a person the permission to teach, or take it back: then the groups stay, and nobody but staff sees them."""
    permission = Permission.objects.get(content_type__app_label="classifier", codename=TEACH.partition(".")[2])
    (user.user_permissions.add if may else user.user_permissions.remove)(permission)


def group_with_code(text: str) -> PupilGroup | None:
    """The group whose code a person has typed."""
    return PupilGroup.objects.filter(code=read_code(text)[:20], teacher__is_active=True).first()


def create_group(*, teacher: User, name: str) -> PupilGroup:
    return PupilGroup.objects.create(teacher=teacher, name=name, code=_free_code())


def rename_group(*, group: PupilGroup, name: str) -> None:
    group.name = name
    group.save(update_fields=["name"])


def open_joining(*, group: PupilGroup, hours: int) -> None:
    group.open_until = timezone.now() + timedelta(hours=hours)
    group.save(update_fields=["open_until"])


def close_joining(*, group: PupilGroup) -> None:
    group.open_until = None
    group.save(update_fields=["open_until"])


def replace_code(*, group: PupilGroup) -> None:
    """Give the group another code; the one before works no more, and PINs and links stay."""
    group.code = _free_code()
    group.save(update_fields=["code"])


def _free_code() -> str:
    while PupilGroup.objects.filter(code=(code := new_code())).exists():
        pass
    return code
