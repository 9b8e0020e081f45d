"""The words that every information summary shares, in each language: labels, closing lines, dates, ages.

What belongs here: wording. What does not: wording per kind (``summary_kinds``), layout (``summary.typ``,
``summary.html.j2``) and what is printed for whom (``core.paper``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from esoz_notify.core.paper import CodeFate


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """What every page says in one language. ``{...}`` is filled by ``summary_page``.

    ``years``: the word after 1, after 2 to 4, and after 5, as Ukrainian counts. ``no_code``: why the code is not there.
    """

    system: str
    heading: str
    code_label: str
    no_code: Mapping[CodeFate, str]
    purpose: str
    happened: str
    valid_until: str
    page_valid_until: str
    where: str
    what_to_do: str
    bring: str
    call: str
    call_doctor: str
    call_facility: str
    bars_alt: str
    qr_alt: str
    fraud_heading: str
    fraud: str
    plain_fraud: str
    identity: str
    content_hash: str
    date: str
    date_time: str
    months: tuple[str, ...]
    years: tuple[str, str, str]


PAGE: Mapping[str, PageWords] = {
    "uk": PageWords(
        system="Електронна система охорони здоров’я",
        heading="Інформаційна довідка",
        code_label="Код підтвердження",
        no_code={
            CodeFate.BY_PHONE: (
                "Коду підтвердження на цьому аркуші немає: його надсилають на телефон. "
                "Якщо код не надійшов, зверніться до лікаря."
            ),
            CodeFate.ERASED: (
                "Код підтвердження більше не доступний: його строк минув, і в системі його стерто. "
                "По новий код зверніться до лікаря."
            ),
            CodeFate.WITHDRAWN: (
                "Код підтвердження більше не доступний: повідомлення про цей документ відкликано. "
                "Зверніться до лікаря."
            ),
        },
        purpose="Для чого",
        happened="Що сталося",
        valid_until="До якого дня",
        page_valid_until="Довідка дійсна до",
        where="Куди йти",
        what_to_do="Що робити",
        bring="Що взяти",
        call="Кому дзвонити",
        call_doctor="лікар: {phone}",
        call_facility="заклад: {phone}",
        bars_alt="Штрихкод Code 128, у якому записано номер {number}",
        qr_alt="QR-код, у якому записано номер {number}",
        fraud_heading="Остерігайтеся шахраїв.",
        fraud=(
            "Не показуйте цей аркуш стороннім. Лікар, аптека чи держава ніколи не просять за "
            "рецепт або направлення назвати дані банківської картки чи перейти за посиланням із повідомлення."
        ),
        plain_fraud="Не показуйте цей аркуш чужим людям. Нікому не кажіть номер своєї банківської картки.",
        identity="Довідка {document_id} · створено {issued_at}",
        content_hash="SHA-256 {digest}",
        date="{day} {month} {year} року",
        date_time="{day} {month} {year} року, {time} (за Києвом)",
        months=(
            "січня", "лютого", "березня", "квітня", "травня", "червня",
            "липня", "серпня", "вересня", "жовтня", "листопада", "грудня",
        ),
        years=("рік", "роки", "років"),
    ),
    "en": PageWords(
        system="Electronic health system of Ukraine",
        heading="Information summary",
        code_label="Confirmation code",
        no_code={
            CodeFate.BY_PHONE: (
                "The confirmation code is not on this page: it is sent to the phone. "
                "If it did not come, ask the doctor."
            ),
            CodeFate.ERASED: (
                "The confirmation code is no longer available: its time is over and it was erased from the system. "
                "Ask the doctor for a new one."
            ),
            CodeFate.WITHDRAWN: (
                "The confirmation code is no longer available: the message about this document was withdrawn. "
                "Ask the doctor."
            ),
        },
        purpose="What for",
        happened="What happened",
        valid_until="Until",
        page_valid_until="This page is valid until",
        where="Where to go",
        what_to_do="What to do",
        bring="What to bring",
        call="Whom to call",
        call_doctor="doctor: {phone}",
        call_facility="clinic or hospital: {phone}",
        bars_alt="Code 128 bar code that holds the number {number}",
        qr_alt="QR code that holds the number {number}",
        fraud_heading="Beware of fraud.",
        fraud=(
            "Do not show this page to strangers. Neither a doctor, nor a pharmacy, nor the state ever asks for your "
            "bank card, or to follow a link in a message, because of a prescription or a referral."
        ),
        plain_fraud="Do not show this page to strangers. Tell nobody the number of your bank card.",
        identity="Summary {document_id} · created {issued_at}",
        content_hash="SHA-256 {digest}",
        date="{day} {month} {year}",
        date_time="{day} {month} {year}, {time} Kyiv time",
        months=(
            "January", "February", "March", "April", "May", "June",
            "July", "August", "September", "October", "November", "December",
        ),
        years=("year", "years", "years"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Label:
    """How a detail is called on the page."""

    uk: str
    en: str


DETAILS: Mapping[str, Label] = {
    "patient_name": Label("Пацієнт", "Patient"),
    "patient_age": Label("Вік", "Age"),
    "medication": Label("Ліки", "Medicine"),
    "device": Label("Медичний виріб", "Medical device"),
    "title": Label("Назва плану", "Name of the plan"),
    "service": Label("Послуга", "Service"),
    "conclusion": Label("Висновок", "Conclusion"),
    "dosage": Label("Як приймати", "How to take"),
    "quantity": Label("Кількість", "Quantity"),
    "reason": Label("Причина", "Reason"),
    "programme": Label("Програма", "Programme"),
    "created_at": Label("Створено", "Created"),
    "started_at": Label("Початок", "Starts"),
    "ended_at": Label("Кінець", "Ends"),
    "notes": Label("Примітка", "Note"),
    "doctor": Label("Лікар", "Doctor"),
    "facility": Label("Медичний заклад", "Clinic or hospital"),
    "division": Label("Підрозділ", "Division"),
    "facility_address": Label("Адреса закладу", "Its address"),
}
"""Details that have a line of their own, in the order of the page. The others answer a question of the page: until
when, where to go, what to bring, whom to call."""

PEOPLE = ("patient_name", "patient_age", "doctor", "facility", "division", "facility_address")
"""What documents of one visit share: said once on a sheet of several when it is the same for all."""

LARGE_LEAVES_OUT = frozenset({"patient_age", "programme", "created_at", "division", "facility_address"})
"""What a page in large print does without, so that its letters can be large; the standard page has it all."""
