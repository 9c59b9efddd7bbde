"""What cannot be done with a classifier, with a message that says what to do."""

from django.utils.translation import gettext as _


class ClassifierError(Exception):
    """`code` is the reason, and `values` the figures in its message."""

    code = "classifier_error"

    def __init__(self, **values: int | str) -> None:
        super().__init__(self.code)
        self.values = values


class TooManyClassifiers(ClassifierError):
    code = "too_many_classifiers"


class TooManyExamples(ClassifierError):
    code = "too_many_examples"


class TooManyClasses(ClassifierError):
    code = "too_many_classes"


class TooManyMegabytes(ClassifierError):
    code = "too_many_megabytes"


class BadClassName(ClassifierError):
    code = "bad_class_name"


class ClassTaken(ClassifierError):
    code = "class_taken"


class TooFewClasses(ClassifierError):
    code = "too_few_classes"


class TooFewExamples(ClassifierError):
    code = "too_few_examples"


class NothingNew(ClassifierError):
    code = "nothing_new"


class NotTrained(ClassifierError):
    code = "not_trained"


class GateRefuses(ClassifierError):
    code = "gate_refuses"


def explain_classifier_error(error: ClassifierError) -> str:
    """The message in the current language."""
    return classifier_words()[error.code] % error.values


def classifier_words() -> dict[str, str]:
    """The messages by code, in the current language, before their values are in them."""
    return {
        TooManyClassifiers.code: _("You have %(limit)s classifiers. Delete one before you create another."),
        TooManyExamples.code: _("The classifier has %(limit)s images. Delete some before you add more."),
        TooManyClasses.code: _("The classifier has %(limit)s classes. Delete one before you add another."),
        TooManyMegabytes.code: _("Your classifiers’ images take %(limit)s MB. Delete some before you add more."),
        BadClassName.code: _(
            "A class name has 1 to 100 characters, without slashes, and does not begin with =, +, - or @."
        ),
        ClassTaken.code: _("There is already a class “%(name)s”."),
        TooFewClasses.code: _("Training needs two classes with images. Add another class."),
        TooFewExamples.code: _("“%(name)s” has %(count)s different images. Training needs %(least)s in each class."),
        NothingNew.code: _("Nothing has changed since version %(number)s was trained. Add or relabel images first."),
        NotTrained.code: _("“%(name)s” is not trained yet. Train it first."),
        GateRefuses.code: _("This version is not better in every way. To use it anyway, give a reason."),
    }
