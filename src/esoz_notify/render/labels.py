"""How statuses, outcomes and reasons are called in front of people: label, one explaining sentence, colour.

What belongs here: words and colours for the command line, the pages and the docs. What does not: what a status or a
reason means for the route (``core``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from esoz_notify.core.receipts import Reason
from esoz_notify.core.status import Outcome, Status


class Colour(StrEnum):
    """A colour by its meaning; each medium has its own table of shades. Colour never says what the words do not."""

    GREY = "grey"
    BLUE = "blue"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Words:
    """A label of at most 40 characters and one sentence that explains it to a doctor or an operator."""

    label: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One row of a table below."""

    uk: Words
    en: Words
    colour: Colour

    def words(self, language: str) -> Words:
        """The words in a language; Ukrainian unless it is ``en``."""
        return self.en if language == "en" else self.uk


def _row(colour: Colour, uk: tuple[str, str], en: tuple[str, str]) -> Label:
    return Label(uk=Words(*uk), en=Words(*en), colour=colour)


STATUS_LABELS: Mapping[Status, Label] = {
    Status.ACCEPTED: _row(
        Colour.BLUE,
        ("Прийнято", "Сповіщення записано і буде надіслано за кілька секунд."),
        ("Accepted", "The notification is recorded and will be sent within seconds."),
    ),
    Status.IN_DELIVERY: _row(
        Colour.BLUE,
        ("Надсилається", "Сповіщення передано оператору або чекає на наступний канал."),
        ("In delivery", "A provider has the notification, or the next channel is about to be tried."),
    ),
    Status.DELIVERED: _row(
        Colour.GREEN,
        ("Доставлено", "Оператор підтвердив, що сповіщення є на телефоні."),
        ("Delivered", "A provider confirmed that the notification is on the phone."),
    ),
    Status.UNDELIVERED: _row(
        Colour.RED,
        ("Не доставлено", "Випробувано всі канали, жоден не доставив. Надрукуйте інформаційну довідку."),
        ("Undelivered", "Every channel was tried and none delivered. Print the information summary."),
    ),
    Status.EXPIRED: _row(
        Colour.AMBER,
        ("Строк минув", "До кінця строку дії підтвердження доставки не надійшло; більше нічого не надсилається."),
        ("Expired", "No proof of delivery came before the validity ended; nothing more is sent."),
    ),
    Status.CANCELLED: _row(
        Colour.GREY,
        ("Скасовано", "Сповіщення відкликала система, що його подала, або оператор сервісу."),
        ("Cancelled", "The caller or an operator of the service withdrew the notification."),
    ),
    Status.PRINT_REQUIRED: _row(
        Colour.AMBER,
        ("Потрібно надрукувати", "Людину не сповіщають телефоном. Надрукуйте інформаційну довідку."),
        ("Print required", "This person is not informed by phone. Print the information summary."),
    ),
    Status.PRINTED: _row(
        Colour.GREEN,
        ("Надруковано", "Інформаційну довідку отримано для друку; її можна надрукувати ще раз."),
        ("Printed", "The information summary was fetched for print; it may be printed again."),
    ),
}

OUTCOME_LABELS: Mapping[Outcome, Label] = {
    Outcome.SUBMITTING: _row(
        Colour.BLUE,
        ("Передається", "Спробу розпочато; відповіді оператора ще немає."),
        ("Submitting", "The attempt has begun; the provider has not answered yet."),
    ),
    Outcome.SUBMITTED: _row(
        Colour.BLUE,
        ("Передано", "Оператор прийняв повідомлення; чекаємо на підтвердження доставки."),
        ("Submitted", "The provider took the message; a receipt is awaited."),
    ),
    Outcome.DELIVERED: _row(
        Colour.GREEN,
        ("Доставлено", "Оператор підтвердив, що повідомлення є на телефоні."),
        ("Delivered", "The provider confirmed that the message is on the phone."),
    ),
    Outcome.READ: _row(
        Colour.GREEN,
        ("Прочитано", "Повідомлення відкрито на телефоні."),
        ("Read", "The message was opened on the phone."),
    ),
    Outcome.FAILED: _row(
        Colour.RED,
        ("Не вдалося", "Оператор відмовив або повідомив, що не доставить."),
        ("Failed", "The provider refused, or said that it will not deliver."),
    ),
    Outcome.EXPIRED: _row(
        Colour.AMBER,
        ("Час вийшов", "Підтвердження не надійшло вчасно; випробувано наступний канал."),
        ("Expired", "No receipt came in time; the next channel was tried."),
    ),
    Outcome.UNKNOWN: _row(
        Colour.AMBER,
        ("Невідомо", "Запит пішов, а відповіді немає: повідомлення могло бути прийняте, а могло й ні."),
        ("Unknown", "The request left and no answer came: the message may or may not have been taken."),
    ),
}

REASON_LABELS: Mapping[Reason, Label] = {
    Reason.NOT_ON_CHANNEL: _row(
        Colour.GREY,
        ("Немає в цьому каналі", "За цим номером або податковим номером застосунку немає."),
        ("Not on this channel", "No such application is known for this phone or tax number."),
    ),
    Reason.BLOCKED_BY_USER: _row(
        Colour.GREY,
        ("Людина заблокувала", "Людина заблокувала цього відправника або всі ділові повідомлення."),
        ("Blocked by the person", "The person blocked this sender or all business messages."),
    ),
    Reason.NO_DEVICE: _row(
        Colour.GREY,
        ("Пристрій не підходить", "Застосунок застарий або пристрій не приймає таких повідомлень."),
        ("No suitable device", "The application is too old or the device does not take such messages."),
    ),
    Reason.INVALID_NUMBER: _row(
        Colour.RED,
        ("Хибний номер", "Такого номера немає. Уточніть номер телефону пацієнта."),
        ("Invalid number", "No such number exists. Check the patient's phone number."),
    ),
    Reason.NUMBER_INACTIVE: _row(
        Colour.RED,
        ("Номер не обслуговується", "Номер відключено. Уточніть номер телефону пацієнта."),
        ("Number not in service", "The number is disconnected. Check the patient's phone number."),
    ),
    Reason.STOPLIST: _row(
        Colour.RED,
        ("Номер у стоп-списку", "Оператор не надсилає повідомлень на цей номер на прохання його власника."),
        ("Number in a stop list", "The provider sends nothing to this number at its owner's request."),
    ),
    Reason.ABSENT: _row(
        Colour.AMBER,
        ("Телефон поза зв'язком", "Телефон вимкнено або він поза мережею; буде ще спроба."),
        ("Phone out of reach", "The phone is off or out of coverage; it will be tried again."),
    ),
    Reason.MEMORY_FULL: _row(
        Colour.AMBER,
        ("Пам'ять телефону заповнена", "Людині слід видалити старі SMS; буде ще спроба."),
        ("Phone memory full", "The person should delete old SMS; it will be tried again."),
    ),
    Reason.OPERATOR: _row(
        Colour.AMBER,
        ("Відмова мережі", "Мережа мобільного оператора не доставила повідомлення."),
        ("Network failure", "The mobile operator's network did not deliver the message."),
    ),
    Reason.COUNTRY: _row(
        Colour.RED,
        ("Напрямок не дозволено", "Постачальник не надсилає в цю країну або мережу. Потрібен адміністратор."),
        ("Destination not allowed", "The provider does not send to this country or network. Tell the administrator."),
    ),
    Reason.CONTENT: _row(
        Colour.RED,
        ("Текст відхилено", "Постачальник не прийняв текст повідомлення. Потрібен адміністратор."),
        ("Text refused", "The provider refused the text of the message. Tell the administrator."),
    ),
    Reason.TEMPLATE: _row(
        Colour.RED,
        ("Шаблон не затверджено", "Постачальник не знає такого шаблону. Потрібен адміністратор."),
        ("Template not approved", "The provider does not know this template. Tell the administrator."),
    ),
    Reason.PARAMETERS: _row(
        Colour.RED,
        ("Дані не підійшли до шаблону", "Постачальник не прийняв значень шаблону. Потрібен адміністратор."),
        ("Data do not fit the template", "The provider refused the template's values. Tell the administrator."),
    ),
    Reason.SENDER: _row(
        Colour.RED,
        ("Ім'я відправника не прийнято", "Ім'я відправника не зареєстроване. Потрібен адміністратор."),
        ("Sender name refused", "The sender name is not registered. Tell the administrator."),
    ),
    Reason.NOT_AUTHORISED: _row(
        Colour.RED,
        ("Немає доступу", "Постачальник не прийняв облікових даних. Потрібен адміністратор."),
        ("Not authorised", "The provider refused the credentials. Tell the administrator."),
    ),
    Reason.BALANCE: _row(
        Colour.RED,
        ("Немає коштів", "На рахунку в постачальника бракує коштів. Потрібен адміністратор."),
        ("No credit", "The account at the provider has no credit. Tell the administrator."),
    ),
    Reason.THROTTLED: _row(
        Colour.AMBER,
        ("Перевищено швидкість", "Постачальник просить надсилати повільніше; буде ще спроба."),
        ("Too fast", "The provider asks for a slower pace; it will be tried again."),
    ),
    Reason.FLOOD: _row(
        Colour.AMBER,
        ("Забагато на один номер", "Постачальник обмежив кількість повідомлень на цей номер."),
        ("Too many to one number", "The provider limits how many messages this number may get."),
    ),
    Reason.DUPLICATE: _row(
        Colour.AMBER,
        ("Повтор", "Постачальник вважає, що таке повідомлення вже прийняв."),
        ("Duplicate", "The provider holds that it already took this message."),
    ),
    Reason.VALIDITY: _row(
        Colour.AMBER,
        ("Строк доставки минув", "Повідомлення не вдалося доставити за відведений час."),
        ("Validity ended", "The message could not be delivered in the time it had."),
    ),
    Reason.PROVIDER_FAULT: _row(
        Colour.RED,
        ("Збій у постачальника", "Постачальник повідомив про власну помилку."),
        ("Provider's fault", "The provider reported an error of its own."),
    ),
    Reason.UNREACHABLE: _row(
        Colour.RED,
        ("Постачальник недоступний", "З'єднатися з постачальником не вдалося; запит не пішов."),
        ("Provider unreachable", "No connection to the provider could be made; nothing was sent."),
    ),
    Reason.NO_ANSWER: _row(
        Colour.AMBER,
        ("Немає відповіді", "Запит пішов, але зрозумілої відповіді не надійшло."),
        ("No answer", "The request left, but no readable answer came."),
    ),
    Reason.WORKER_LOST: _row(
        Colour.AMBER,
        ("Надсилання перервалося", "Процес зупинився під час запиту; чи його прийнято, невідомо."),
        ("Sending was cut short", "The process stopped during the request; whether it was taken is unknown."),
    ),
    Reason.UNKNOWN: _row(
        Colour.GREY,
        ("Причину не названо", "Постачальник не пояснив, чому не доставив."),
        ("No reason given", "The provider did not say why it failed."),
    ),
}
