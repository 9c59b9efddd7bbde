"""The stops of the tour: every page, in every state that looks different."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from classifier.tests.tour import acts

#: Addresses that no person looks at: files, parts of pages, answers to forms, and what machines ask for.
NO_PAGES = {
    "admin_password_reset",
    "api_batch",
    "api_correction",
    "api_image",
    "api_exports",
    "api_job",
    "api_job_errors",
    "api_job_file",
    "api_job_images",
    "api_job_results",
    "api_job_resume",
    "api_job_retry",
    "api_rescoring",
    "api_jobs",
    "api_me",
    "api_model",
    "api_models",
    "api_prediction",
    "api_predictions",
    "api_schema",
    "api_thumbnail",
    "classifier_archive",
    "classifier_examples",
    "classifier_training",
    "classifier_zip",
    "correct",
    "export",
    "example_from_history",
    "export_csv",
    "export_zip",
    "group_cards_csv",
    "group_export",
    "healthz",
    "job_csv",
    "job_export",
    "job_progress",
    "job_errors",
    "job_zip",
    "image",
    "logout",
    "metrics",
    "model_file",
    "model_plot",
    "pupil_classifier_zip",
    "pupil_export",
    "occlusion_map",
    "readyz",
    "revoke_token",
    "seen",
    "set_language",
    "thumbnail",
    "training_csv",
    "training_progress",
    "admin:model_publish",
    "admin:model_roll_back",
}
#: Parts of pages that another project makes: what is wrong with them is not this site's to mend.
OF_DJANGO = (".inline-group",)


@dataclass(frozen=True)
class Stop:
    """A page as somebody sees it.

    says: what is to be seen, for docs/pages.md. who: whose session; nobody's if empty. args: names of the facts that
    the address is made of. path: what follows it, or all of it where there is no URL name. start: the URL name of
    the page that leads to it, if it has no address that one can go to. act: what is done there.
    pictured: in docs/pages.md. foreign: parts of it that are another project's. most_kilobytes: what it may weigh.
    """

    name: str
    url_name: str | None
    says: str
    who: str = ""
    args: tuple[str, ...] = ()
    path: str = ""
    start: str = ""
    act: Callable[[Page], None] | None = None
    status: int = 200
    pictured: bool = True
    foreign: tuple[str, ...] = ()
    most_kilobytes: int = 150


STOPS = (
    Stop("upload", "home", "The first page: choose, drop, paste or photograph, or try one of the drawn examples."),
    Stop("upload-refused", "home", "What is no image is refused with the reason.", act=acts.send_no_image),
    Stop("result", "home", "The answer with the probability of every class.", act=acts.classify_an_example),
    Stop(
        "result-none",
        "home",
        "What looks like none of the classes is said to be none.",
        act=acts.classify_what_is_of_no_class,
    ),
    Stop(
        "result-not-kept",
        "home",
        "Neither the image nor the result is kept, if that is wished.",
        act=acts.classify_without_keeping,
    ),
    Stop("upload-many", "home", "Many files at once, with a row for each.", who="taras", act=acts.send_many),
    Stop("history", "history", "Everything that one has uploaded.", who="olena"),
    Stop("history-list", "history", "The same as a list.", who="olena", path="?view=list"),
    Stop(
        "history-selected",
        "history",
        "Some of it ticked, to download or delete.",
        who="olena",
        act=acts.tick_two,
        pictured=False,
    ),
    Stop("history-search", "history", "Searched by name, class, day and more.", who="olena", path="?answer=ship"),
    Stop("history-no-hits", "history", "Nothing matches the search.", who="olena", path="?name=xyzzy"),
    Stop("jobs", "jobs", "Jobs, and the forms that submit one.", who="olena", pictured=False),
    Stop("job", "job", "An ended job with the files that failed.", who="olena", args=("job",), pictured=False),
    Stop("job-cancelled", "job", "A job that was cancelled.", who="olena", args=("cancelled_job",), pictured=False),
    Stop("classifiers", "classifiers", "One's own classifiers.", who="olena", pictured=False),
    Stop("classifier", "classifier", "Images by class.", who="olena", args=("classifier",), pictured=False),
    Stop(
        "classifier-version",
        "classifier_version",
        "How good a version is, and its mistakes.",
        who="olena",
        args=("classifier", "classifier_version"),
        pictured=False,
    ),
    Stop("classifier-use", "classifier_use", "Try it.", who="olena", args=("classifier",), pictured=False),
    Stop("groups", "groups", "A teacher's groups.", who="teacher", pictured=False),
    Stop("group", "group", "A group with its pupils.", who="teacher", args=("group",), pictured=False),
    Stop(
        "group-cards",
        "group",
        "Cards to print.",
        who="teacher",
        args=("group",),
        act=acts.choose_two_pupils,
        pictured=False,
    ),
    Stop("group-work", "group_work", "What pupils uploaded.", who="teacher", args=("group",), pictured=False),
    Stop("group-pupil", "group_pupil", "One pupil.", who="teacher", args=("group", "pupil"), pictured=False),
    Stop("group-delete", "delete_group", "The end of a group.", who="teacher", args=("group",), pictured=False),
    Stop("pupil-delete", "delete_pupil", "The end of it.", who="teacher", args=("group", "pupil"), pictured=False),
    Stop("join", "join", "The code of a group.", pictured=False),
    Stop("join-group", "join_group", "Join, or sign in.", args=("code",), pictured=False),
    Stop(
        "join-wrong-pin",
        "join_group",
        "A wrong PIN.",
        args=("code",),
        act=acts.sign_in_with_a_wrong_pin,
        pictured=False,
    ),
    Stop("pupil-link", "pupil_link", "A link to sign in.", args=("link",), pictured=False),
    Stop("pupil-account", "pupil_account", "What is a pupil's own.", who="bohdan", pictured=False),
    Stop("history-empty", "history", "Nothing has been uploaded yet."),
    Stop(
        "prediction",
        "prediction",
        "A prediction with its receipt, checked by its owner.",
        who="olena",
        args=("ship",),
    ),
    Stop(
        "prediction-wrong",
        "prediction",
        "An answer that its owner has corrected.",
        who="olena",
        args=("bird",),
        pictured=False,
    ),
    Stop(
        "correction",
        "prediction",
        "Saying what it is instead, by a click or a key.",
        who="olena",
        args=("frog",),
        act=acts.open_the_labels,
    ),
    Stop(
        "why",
        "prediction",
        "Why? What the network saw, and which parts speak for the class.",
        who="olena",
        args=("truck",),
        act=acts.ask_why,
    ),
    Stop("why-alone", "explanation", "Why? as a page.", who="olena", args=("truck",), pictured=False),
    Stop("delete", "delete_prediction", "Before an image is deleted.", who="olena", args=("ship",)),
    Stop(
        "delete-selected",
        "selected",
        "Before several are deleted.",
        who="olena",
        start="history",
        act=acts.ask_to_delete_two,
    ),
    Stop("delete-all", "delete_all", "Before everything is deleted.", who="olena"),
    Stop("how-it-works", "how_it_works", "What confidence, “no match” and the heat map mean.", pictured=False),
    Stop("models", "models", "The models with their measured figures."),
    Stop("compare", "compare_models", "Before two models are chosen.", pictured=False),
    Stop(
        "compared", "compare_models", "Two models side by side.", who="olena", act=acts.compare_models, pictured=False
    ),
    Stop(
        "model",
        "model",
        "A model of several networks: what it is made of and how well it does.",
        args=("active_model",),
    ),
    Stop("model-single", "model", "A model of one network.", args=("other_model",)),
    Stop("training", "training", "The training runs."),
    Stop("training-run", "training_run", "A training run with its curves.", args=("run",)),
    Stop("training-run-stopped", "training_run", "A run that was stopped.", args=("stopped_run",), pictured=False),
    Stop("sign-up", "sign_up", "Making an account."),
    Stop("sign-up-refused", "sign_up", "A name that is taken.", act=acts.sign_up_badly, pictured=False),
    Stop("sign-up-invited", "sign_up_invited", "Making an account by a link.", args=("nothing",), pictured=False),
    Stop("sign-in", "login", "Signing in."),
    Stop("sign-in-refused", "login", "A wrong password.", act=acts.sign_in_badly, pictured=False),
    Stop("password", "password_change", "Changing the password.", who="olena"),
    Stop("password-changed", "password_change_done", "The password is changed.", who="olena", pictured=False),
    Stop("delete-account", "delete_account", "Deleting the account with everything in it.", who="olena"),
    Stop("email", "change_email", "The e-mail address of an account.", who="olena", pictured=False),
    Stop("password-forgotten", "password_reset", "Asking for a link to choose a new password.", pictured=False),
    Stop("password-link-sent", "password_reset_done", "A link is on its way.", pictured=False),
    Stop("password-new", "password_reset_complete", "The new password was saved.", pictured=False),
    Stop(
        "password-link-used",
        "password_reset_confirm",
        "A link that no longer works.",
        args=("nothing", "nothing"),
        status=404,
        pictured=False,
    ),
    Stop("tokens", "tokens", "Tokens for programs.", who="olena"),
    Stop("token-made", "tokens", "A new token.", who="taras", act=acts.make_a_token, pictured=False),
    Stop(
        "api-docs",
        "api_docs",
        "The API, to read and to try.",
        act=acts.read_the_api,
        most_kilobytes=620,
    ),
    Stop("api-problems", "api_problems", "What the API's errors mean.", pictured=False),
    Stop("error-400", None, "The site is asked for under a strange name.", path="//localhost:{port}/", status=400),
    Stop("error-403", "overview", "Not everybody may see everything.", who="clerk", status=403),
    Stop("error-403-form", "home", "A form without its token.", act=acts.post_without_a_token, pictured=False),
    Stop("error-404", None, "There is no such page.", path="/nothing/here", status=404),
    Stop("error-500", "training", "Something is broken.", status=500),
    Stop(
        "error-503",
        "home",
        "Something is missing for a while: here, a model that answers.",
        act=acts.classify_without_a_model,
        status=503,
    ),
    Stop("admin", "admin:index", "The administration.", who="admin", foreign=OF_DJANGO),
    Stop(
        "admin-overview",
        "overview",
        "Recent activity and items to review.",
        who="admin",
        foreign=OF_DJANGO,
    ),
    Stop(
        "admin-predictions",
        "admin:classifier_prediction_changelist",
        "Predictions with filters and a search that stays quick.",
        who="admin",
        foreign=OF_DJANGO,
    ),
    Stop(
        "admin-prediction",
        "admin:classifier_prediction_change",
        "A prediction in the admin.",
        who="admin",
        args=("bird",),
        foreign=OF_DJANGO,
        pictured=False,
    ),
    Stop(
        "admin-models",
        "admin:classifier_modelversion_changelist",
        "Models are published, activated, checked and rolled back here.",
        who="admin",
        foreign=OF_DJANGO,
    ),
    Stop(
        "admin-model",
        "admin:classifier_modelversion_change",
        "A model in the admin.",
        who="admin",
        args=("active_model_row",),
        foreign=OF_DJANGO,
        pictured=False,
    ),
    Stop(
        "admin-run",
        "admin:classifier_trainingrun_change",
        "A training run in the admin.",
        who="admin",
        args=("run",),
        foreign=OF_DJANGO,
        pictured=False,
    ),
)
