"""What is wrong with a row of a bulk file and how to mend it, in words for the clerk who made the file.

What belongs here: a fault as a value, and its two sentences in both languages. What does not: finding faults (engine).
"""

from dataclasses import dataclass

from esoz_notify.core.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule. ``row``: as a spreadsheet counts, the header is 1; None: the file itself.

    ``column``: as the file calls it, or as we do when the file has none; empty: the whole row. ``rule``: words of our
    own for the sentences, never what stands in the file.
    """

    row: int | None
    column: str
    code: str
    rule: str = ""


def told(fault: Fault, language: str) -> tuple[str, str]:
    """What is wrong, and how to mend it."""
    what_uk, mend_uk, what_en, mend_en = WORDS.get(fault.code, WORDS["other"])
    what, mend = (what_uk, mend_uk) if language == "uk" else (what_en, mend_en)
    rule = _titles(fault.rule) if fault.code == "kind_unknown_kind" and language == "uk" else fault.rule
    return what.format(rule=rule), mend.format(rule=rule)


def _titles(names: str) -> str:
    """Kinds by their titles, which a file may have instead of names."""
    return ", ".join(KINDS[name].title_uk if name in KINDS else name for name in names.split(", "))


_AS_TEXT_UK = "Задайте стовпцю формат «Текст» і впишіть значення знову: програма таблиць змінила його."
_AS_TEXT_EN = "Give the column the format Text and enter the value again: the spreadsheet changed it."
_SAVE_UK = "Збережіть файл як «CSV UTF-8 (розділювачі — коми)» або вкажіть кодування: --encoding utf-8 чи cp1251."
_SAVE_EN = "Save the file as CSV UTF-8, or name its encoding: --encoding utf-8 or cp1251."

WORDS: dict[str, tuple[str, str, str, str]] = {
    # --- the file itself
    "empty_file": (
        "У файлі немає рядків із даними.",
        "Перший рядок має назви стовпців, далі — по рядку на кожне сповіщення.",
        "The file has no rows with data.",
        "The first row has the names of columns, then each notification has a row.",
    ),
    "not_text": (
        "Це не текстовий файл (можливо, книга Excel або архів).",
        "Відкрийте його в програмі таблиць і збережіть як CSV UTF-8.",
        "It is not a text file (a workbook or an archive, perhaps).",
        "Open it in a spreadsheet and save it as CSV UTF-8.",
    ),
    "utf16": ("Файл у кодуванні UTF-16.", _SAVE_UK, "The file is in UTF-16.", _SAVE_EN),
    "bad_encoding": (
        "Файл не читається в кодуванні {rule}.", _SAVE_UK, "The file cannot be read as {rule}.", _SAVE_EN,
    ),
    "bad_gzip": (
        "Архів gz пошкоджений або неповний.",
        "Скопіюйте файл ще раз.",
        "The gz archive is damaged or not complete.",
        "Copy the file again.",
    ),
    "line_too_long": (
        "Рядок довший за {rule} байтів; мабуть, це не той файл або в ньому немає переведень рядка.",
        "Перевірте файл у програмі таблиць.",
        "A line is longer than {rule} bytes; it may be another file, or one without line ends.",
        "Look at the file in a spreadsheet.",
    ),
    "quotes": (
        "Лапки не закрито або після них стоїть зайвий символ; далі файл не читався.",
        'Закрийте лапки; лапки всередині значення пишуть двічі: "".',
        "Quotes are not closed, or something follows them; the file was read no further.",
        'Close them; quotes within a value are written twice: "".',
    ),
    "column_unknown": (
        "Такого стовпця ми не знаємо.",
        'Назвіть його як у docs/bulk.md, або --map "назва=поле", або --map "назва=-", щоб не читати. Поля: {rule}.',
        "We do not know this column.",
        'Name it as docs/bulk.md does, or --map "name=field", or --map "name=-" to leave it out. Fields: {rule}.',
    ),
    "column_twice": (
        "Два стовпці означають те саме: {rule}.",
        "Залиште один із них.",
        "Two columns mean the same: {rule}.",
        "Leave one of them.",
    ),
    "column_missing": (
        "Немає стовпця {rule}.",
        "Додайте його; вид можна задати для всіх рядків: --kind.",
        "There is no column {rule}.",
        "Add it; one kind for all rows can be given: --kind.",
    ),
    "map_unused": (
        "У файлі немає стовпця, названого в --map: {rule}.",
        "Перевірте назву: вона має бути така, як у першому рядку файла.",
        "The file has no column that --map names: {rule}.",
        "Write it as in the first row of the file.",
    ),
    "too_many_rows": (
        "У файлі понад {rule} рядків.",
        "Поділіть його або надішліть командою esoz-notify bulk: вона не має межі.",
        "The file has more than {rule} rows.",
        "Split it, or send it by the command esoz-notify bulk, which has no bound.",
    ),
    "sent_before": (
        "Файл із таким самим вмістом уже є: його надіслано або він чекає.",
        "Знайдіть його у списку файлів.",
        "A file of the same content is there already: it was sent, or waits.",
        "Find it in the list of files.",
    ),
    # --- a row
    "cells_many": (
        "У рядку більше клітинок, ніж стовпців у заголовку.",
        "Приберіть зайві; значення з розділювачем беріть у лапки.",
        "The row has more cells than there are columns.",
        "Remove them; put a value that holds the separator in quotes.",
    ),
    "not_json": (
        "Рядок — не об’єкт JSON.",
        "Кожен рядок NDJSON — один об’єкт {{…}} в одну лінію.",
        "The line is not a JSON object.",
        "Each line of NDJSON is one object {{…}} on one line.",
    ),
    "name_twice": (
        "Те саме поле названо двічі.", "Залиште одне.", "A member is named twice.", "Leave one of them.",
    ),
    "kind_required": (
        "Не вказано вид сповіщення.",
        "Впишіть вид або задайте його для всіх рядків: --kind.",
        "The kind is not given.",
        "Give it, or one for all rows: --kind.",
    ),
    "kind_unknown_kind": (
        "Такого виду сповіщень немає.",
        "Впишіть один із видів: {rule}.",
        "There is no such kind.",
        "Give one of: {rule}.",
    ),
    "kind_code": (
        "Коди підтвердження файлом не надсилають: вони діють 5 хвилин.",
        "Приберіть рядок; код надсилає сама система, коли він потрібен.",
        "Confirmation codes are not sent by file: they live 5 minutes.",
        "Remove the row; a system sends a code when it is needed.",
    ),
    "phone_format": (
        "Це не номер мобільного телефону України.",
        "Впишіть +380 і дев’ять цифр, наприклад +380000000001.",
        "It is not a Ukrainian mobile number.",
        "Write +380 and nine digits, such as +380000000001.",
    ),
    "phone_spreadsheet": (
        "Програма таблиць скоротила номер (як 3,8E+11) або прибрала перший нуль.", _AS_TEXT_UK,
        "The spreadsheet shortened the number (as 3.8E+11) or took its first zero away.", _AS_TEXT_EN,
    ),
    "tax_id_format": (
        "РНОКПП має 10 цифр.",
        "Якщо бракує першого нуля: задайте стовпцю формат «Текст» і впишіть знову.",
        "A tax number has 10 digits.",
        "If its first zero is missing: give the column the format Text and enter it again.",
    ),
    "language_enum": ("Мова має бути uk або en.", "Виправте або лишіть порожньою.", "The language must be uk or en.",
                      "Correct it or leave it empty."),
    "patient_id_format": (
        "Ідентифікатор пацієнта має бути UUID.",
        "Скопіюйте його з ЕСОЗ цілим, 36 символів.",
        "The patient's id must be a UUID.",
        "Copy it whole from ESOZ, 36 characters.",
    ),
    "patient_id_one_of": (
        "Треба або телефон, або пацієнта: рівно одне з двох.",
        "Заповніть один зі стовпців phone і patient_id, інший лишіть порожнім.",
        "A phone or a patient is needed: exactly one of them.",
        "Fill one of phone and patient_id, leave the other empty.",
    ),
    "valid_until_format": (
        "Час не читається.",
        "Впишіть, наприклад, 31.12.2026, 31.12.2026 18:00 або 2026-12-31T18:00:00+02:00.",
        "It is not a time.",
        "Write it as 31.12.2026, 31.12.2026 18:00 or 2026-12-31T18:00:00+02:00.",
    ),
    "valid_until_past": ("Цей час уже минув.", "Впишіть майбутній або лишіть порожнім.", "It is past.",
                         "Give a later time, or leave it empty."),
    "valid_until_too_far": ("Строк задалекий: щонайбільше 30 днів.", "Впишіть ближчий.",
                            "It is too far: 30 days at most.", "Give a nearer one."),
    "flag": ("Має бути «так» або «ні».", "Виправте або лишіть порожнім.", "It must be yes or no.",
             "Correct it or leave it empty."),
    "missing": (
        "Цей вид сповіщення не можна надіслати без цього значення.",
        "Заповніть клітинку.",
        "This kind cannot be sent without it.",
        "Fill the cell.",
    ),
    "unknown_field": (
        "Цей вид сповіщення такого поля не має.",
        "Очистьте клітинку. Поля: {rule}.",
        "This kind has no such field.",
        "Clear the cell. Fields: {rule}.",
    ),
    "given_twice": (
        "Те саме значення дано двома стовпцями.", "Залиште одне.", "It is given by two columns.", "Leave one of them.",
    ),
    "wrong_symbol": (
        "У номері є символ, якого в таких номерах не буває.",
        "Звірте номер із документом: 16 цифр і літер, як 0123-4567-89AB-CEIK.",
        "The number has a symbol that such numbers never have.",
        "Compare it with the document: 16 digits and letters, as 0123-4567-89AB-CEIK.",
    ),
    "wrong_length": (
        "Номер задовгий або закороткий.",
        "Звірте його з документом: 16 символів, як 0123-4567-89AB-CEIK.",
        "The number is too long or too short.",
        "Compare it with the document: 16 symbols, as 0123-4567-89AB-CEIK.",
    ),
    "not_a_code": ("Код має 4–8 цифр.", "Якщо бракує першого нуля, задайте стовпцю формат «Текст».",
                   "A code has 4 to 8 digits.", "If its first zero is missing, give the column the format Text."),
    "not_a_date": ("Такої дати немає.", "Впишіть, наприклад, 2026-12-31 або 31.12.2026.", "There is no such day.",
                   "Write it as 2026-12-31 or 31.12.2026."),
    "empty": ("Значення порожнє.", "Заповніть його.", "It is empty.", "Fill it."),
    "too_long": ("Текст задовгий.", "Скоротіть його; межі полів — у docs/kinds.md.", "The text is too long.",
                 "The rule: {rule}."),
    "control_character": (
        "У тексті є переведення рядка або невидимі символи.",
        "Впишіть текст одним рядком.",
        "The text has line breaks or invisible characters.",
        "Write it on one line.",
    ),
    "other": (
        "Значення не відповідає правилу.",
        "Виправте його; правила полів — у docs/kinds.md.",
        "It breaks the rule.",
        "The rule: {rule}.",
    ),
}  # fmt: skip
"""By code: what and how in Ukrainian, then in English."""
