"""The words of the information summary: titles of kinds, what to do next, labels of details.

What belongs here: wording of the printed page in each language. What does not: layout (``summary.typ``,
``summary.html.j2``) and what is printed for whom (``core``, ``engine``).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KindWords:
    """One kind in one language. ``number_label``: what its number is called; ``steps``: what to do next, in order."""

    title: str
    number_label: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """What every page says in one language. ``{...}`` is filled by ``summary``."""

    system: str
    heading: str
    code_label: str
    code_hint: str
    code_elsewhere: str
    steps_heading: str
    valid_until: str
    details_heading: str
    qr_alt: str
    fraud_heading: str
    fraud: str
    identity: str
    date: str
    date_time: str
    months: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A detail that a page may hold. ``kinds``: how the names of the kinds it belongs to begin; empty: all kinds."""

    key: str
    uk: str
    en: str
    kinds: tuple[str, ...] = ()

    def belongs_to(self, kind: str) -> bool:
        """Whether a page of this kind may hold it."""
        return not self.kinds or kind.startswith(self.kinds)


PAGE: Mapping[str, PageWords] = {
    "uk": PageWords(
        system="Електронна система охорони здоров’я",
        heading="Інформаційна довідка",
        code_label="Код підтвердження",
        code_hint="Стороннім цей код не кажіть.",
        code_elsewhere=(
            "Коду підтвердження на цьому аркуші немає: його надсилають на телефон. "
            "Якщо код не надійшов, зверніться до лікаря."
        ),
        steps_heading="Що робити далі",
        valid_until="Довідка дійсна до",
        details_heading="Відомості",
        qr_alt="QR-код, у якому записано номер {number}",
        fraud_heading="Остерігайтеся шахраїв.",
        fraud=(
            "Не показуйте цей аркуш стороннім. Лікар, аптека чи держава ніколи не просять за "
            "рецепт або направлення назвати дані банківської картки чи перейти за посиланням із повідомлення."
        ),
        identity="Довідка {document_id} · створено {issued_at} · SHA-256 {fingerprint}",
        date="{day} {month} {year} року",
        date_time="{day} {month} {year} року, {time} (за Києвом)",
        months=(
            "січня",
            "лютого",
            "березня",
            "квітня",
            "травня",
            "червня",
            "липня",
            "серпня",
            "вересня",
            "жовтня",
            "листопада",
            "грудня",
        ),
    ),
    "en": PageWords(
        system="Electronic health system of Ukraine",
        heading="Information summary",
        code_label="Confirmation code",
        code_hint="Do not tell this code to strangers.",
        code_elsewhere=(
            "The confirmation code is not on this page: it is sent to the phone. If it did not come, ask the doctor."
        ),
        steps_heading="What to do next",
        valid_until="This summary is valid until",
        details_heading="Details",
        qr_alt="QR code that holds the number {number}",
        fraud_heading="Beware of fraud.",
        fraud=(
            "Do not show this page to strangers. No doctor, pharmacy or authority asks for bank card "
            "details, or to follow a link from a message, in return for a prescription or a referral."
        ),
        identity="Summary {document_id} · made {issued_at} · SHA-256 {fingerprint}",
        date="{day} {month} {year}",
        date_time="{day} {month} {year}, {time} Kyiv time",
        months=(
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ),
    ),
}

_ASK_UK = "Якщо щось незрозуміло, зателефонуйте за номером, що вказаний нижче."
_ASK_EN = "If anything is unclear, call the number given below."

KIND_WORDS: Mapping[str, Mapping[str, KindWords]] = {
    "plain_text": {
        "uk": KindWords(
            title="Повідомлення",
            number_label="Номер",
            steps=("Якщо щось незрозуміло, запитайте медичного працівника.",),
        ),
        "en": KindWords(
            title="Message",
            number_label="Number",
            steps=("If anything is unclear, ask a health worker.",),
        ),
    },
    "confirmation_code": {
        "uk": KindWords(
            title="Код підтвердження",
            number_label="Номер",
            steps=(
                "Назвіть код лише тому медичному працівнику, до якого Ви звернулися.",
                "Код одноразовий. Якщо він не спрацював, попросіть новий.",
            ),
        ),
        "en": KindWords(
            title="Confirmation code",
            number_label="Number",
            steps=(
                "Tell the code only to the health worker whom you asked for help.",
                "The code works once. If it did not work, ask for a new one.",
            ),
        ),
    },
    "prescription_issued": {
        "uk": KindWords(
            title="Електронний рецепт",
            number_label="Номер рецепта",
            steps=(
                "Прийдіть із цим аркушем до аптеки. Якщо ліки за програмою, спитайте, чи аптека бере в ній участь.",
                "Покажіть або назвіть номер рецепта. Аптекар може зчитати QR-код.",
                "Назвіть код підтвердження, якщо аптекар його попросить.",
            ),
        ),
        "en": KindWords(
            title="Electronic prescription",
            number_label="Prescription number",
            steps=(
                "Take this page to a pharmacy. If a state programme pays, ask first whether the pharmacy takes part.",
                "Show or tell the number of the prescription. The pharmacist can scan the QR code.",
                "Tell the confirmation code if the pharmacist asks for it.",
            ),
        ),
    },
    "prescription_rejected": {
        "uk": KindWords(
            title="Рецепт відкликано",
            number_label="Номер рецепта",
            steps=("Цей рецепт більше не діє: ліків за ним не видадуть.", "Якщо ліки потрібні, зверніться до лікаря."),
        ),
        "en": KindWords(
            title="Prescription withdrawn",
            number_label="Prescription number",
            steps=(
                "This prescription is no longer valid: no medicines are given for it.",
                "If they are needed, ask the doctor.",
            ),
        ),
    },
    "prescription_blocked": {
        "uk": KindWords(
            title="Рецепт заблоковано",
            number_label="Номер рецепта",
            steps=(
                "Аптека не видасть ліків за цим рецептом.",
                "Зверніться до лікаря, який його виписав: він пояснить причину і за потреби випише новий.",
            ),
        ),
        "en": KindWords(
            title="Prescription blocked",
            number_label="Prescription number",
            steps=(
                "The pharmacy will not give medicines for this prescription.",
                "Ask the doctor who issued it: they will explain why and issue a new one if needed.",
            ),
        ),
    },
    "referral_issued": {
        "uk": KindWords(
            title="Електронне направлення",
            number_label="Номер направлення",
            steps=(
                "Оберіть медичний заклад, який надає цю послугу, і запишіться: телефоном або в реєстратурі.",
                "Коли будете записуватися, назвіть номер направлення.",
                "На прийом візьміть цей аркуш і документ, що посвідчує особу.",
            ),
        ),
        "en": KindWords(
            title="Electronic referral",
            number_label="Referral number",
            steps=(
                "Choose a clinic or hospital that provides this service and book a visit by phone or at its desk.",
                "Tell the number of the referral when you book.",
                "Take this page and an identity document to the visit.",
            ),
        ),
    },
    "referral_cancelled": {
        "uk": KindWords(
            title="Направлення відмінено",
            number_label="Номер направлення",
            steps=("Це направлення більше не діє.", "Якщо послуга потрібна, зверніться до лікаря."),
        ),
        "en": KindWords(
            title="Referral cancelled",
            number_label="Referral number",
            steps=("This referral is no longer valid.", "If the service is needed, ask the doctor."),
        ),
    },
    "referral_recalled": {
        "uk": KindWords(
            title="Направлення відкликано",
            number_label="Номер направлення",
            steps=("Це направлення більше не діє.", "Якщо послуга потрібна, зверніться до лікаря."),
        ),
        "en": KindWords(
            title="Referral recalled",
            number_label="Referral number",
            steps=("This referral is no longer valid.", "If the service is needed, ask the doctor."),
        ),
    },
    "device_request_issued": {
        "uk": KindWords(
            title="Призначення медичного виробу",
            number_label="Номер призначення",
            steps=(
                "Запитайте в лікаря, де отримати виріб: в аптеці чи в іншому закладі.",
                "Покажіть або назвіть там номер призначення. QR-код містить той самий номер.",
                "Назвіть код підтвердження, якщо його попросять.",
            ),
        ),
        "en": KindWords(
            title="Medical device request",
            number_label="Request number",
            steps=(
                "Ask the doctor where to get the device: at a pharmacy or elsewhere.",
                "Show or tell the number of the request there. The QR code holds the same number.",
                "Tell the confirmation code if you are asked for it.",
            ),
        ),
    },
    "device_request_error": {
        "uk": KindWords(
            title="Призначення виробу помилкове",
            number_label="Номер призначення",
            steps=(
                "Це призначення внесено помилково: виробу за ним не видадуть.",
                "Якщо виріб потрібен, зверніться до лікаря.",
            ),
        ),
        "en": KindWords(
            title="Device request in error",
            number_label="Request number",
            steps=(
                "This request was entered in error: no device is given for it.",
                "If the device is needed, ask the doctor.",
            ),
        ),
    },
    "care_plan_created": {
        "uk": KindWords(
            title="План лікування",
            number_label="Номер плану",
            steps=(
                "Збережіть цей аркуш на весь час лікування.",
                "Коли звертаєтеся до лікаря в іншому закладі, назвіть номер плану: так лікар його знайде.",
            ),
        ),
        "en": KindWords(
            title="Care plan",
            number_label="Plan number",
            steps=(
                "Keep this page for as long as you are treated.",
                "When you see a doctor at another clinic, tell the number of the plan, so that they can find it.",
            ),
        ),
    },
    "conclusion_issued": {
        "uk": KindWords(
            title="Медичний висновок",
            number_label="Номер висновку",
            steps=(
                "Збережіть цей аркуш: за номером висновок знайдуть в електронній системі.",
                "Назвіть номер там, де потрібен висновок.",
            ),
        ),
        "en": KindWords(
            title="Medical conclusion",
            number_label="Conclusion number",
            steps=(
                "Keep this page: the conclusion is found in the electronic system by its number.",
                "Tell the number where the conclusion is needed.",
            ),
        ),
    },
    "conclusion_error": {
        "uk": KindWords(
            title="Медичний висновок скасовано",
            number_label="Номер висновку",
            steps=(
                "Цей висновок внесено помилково, він більше не діє.",
                "Якщо висновок потрібен, зверніться до лікаря.",
            ),
        ),
        "en": KindWords(
            title="Medical conclusion cancelled",
            number_label="Conclusion number",
            steps=(
                "This conclusion was entered in error and is no longer valid.",
                "If a conclusion is needed, ask the doctor.",
            ),
        ),
    },
}

ASK: Mapping[str, str] = {"uk": _ASK_UK, "en": _ASK_EN}
"""The last step of every page that names somebody to call."""

CONTACT_KEYS = frozenset({"doctor_phone", "facility_phone"})

_PRESCRIPTION = ("prescription_",)
_DISPENSED = ("prescription_", "device_request_")

DETAILS: tuple[Detail, ...] = (
    Detail(key="patient_name", uk="Пацієнт", en="Patient"),
    Detail(key="patient_age", uk="Вік", en="Age"),
    Detail(key="medication", uk="Ліки", en="Medicine", kinds=_PRESCRIPTION),
    Detail(key="device", uk="Медичний виріб", en="Medical device", kinds=("device_request_",)),
    Detail(key="service", uk="Послуга", en="Service", kinds=("referral_", "care_plan_")),
    Detail(key="conclusion", uk="Висновок", en="Conclusion", kinds=("conclusion_",)),
    Detail(key="quantity", uk="Кількість", en="Quantity"),
    Detail(key="dosage", uk="Як приймати", en="How to take", kinds=_PRESCRIPTION),
    Detail(key="programme", uk="Програма", en="Programme"),
    Detail(key="created_at", uk="Створено", en="Created"),
    Detail(key="started_at", uk="Початок", en="Starts"),
    Detail(key="ended_at", uk="Кінець", en="Ends"),
    Detail(key="dispense_valid_to", uk="Отримати до", en="Collect by", kinds=_DISPENSED),
    Detail(key="reason", uk="Причина", en="Reason"),
    Detail(key="notes", uk="Примітка", en="Note"),
    Detail(key="doctor", uk="Лікар", en="Doctor"),
    Detail(key="doctor_phone", uk="Телефон лікаря", en="Doctor’s phone"),
    Detail(key="facility", uk="Медичний заклад", en="Clinic or hospital"),
    Detail(key="facility_address", uk="Адреса закладу", en="Its address"),
    Detail(key="facility_phone", uk="Телефон закладу", en="Its phone"),
)
"""In the order of the page. The fields of ESOZ's printed form of a prescription, and the same for the other kinds."""
