"""Words of the pages of texts that are chosen by what is so: variants, states of Viber, broken rules, counters.

What belongs here: those. What does not: the pages' fixed words (``words_texts``).
"""

from collections.abc import Mapping

TEXTS_WORDS: Mapping[str, Mapping[str, str]] = {
    "uk": {
        "language_uk": "українською",
        "language_en": "англійською",
        "for_other": "для близької людини",
        "without_verification_code": "без коду",
        "without_created_at": "без дати",
        "without_purpose": "без мети",
        "whole": "основний текст",
        "key_sms": "SMS",
        "key_sms_segments": "Дозволено частин SMS",
        "key_viber": "Viber",
        "key_diia": "Дія",
        "key_diia_title": "Дія: заголовок",
        "key_diia_short": "Дія: короткий текст",
        "key_diia_full": "Дія: повний текст",
        "viber_not_needed": "Viber: зареєстрований",
        "viber_to_submit": "Viber: треба подати",
        "viber_submitted": "Viber: на розгляді",
        "viber_approved": "Viber: схвалено",
        "viber_rejected": "Viber: відхилено",
        "parts_one": "{count} частина",
        "parts_few": "{count} частини",
        "parts_many": "{count} частин",
        "letters_one": "{count} символ",
        "letters_few": "{count} символи",
        "letters_many": "{count} символів",
        "version": "версія {no}",
        "version_file": "текст з файлу",
        "fault_empty": "Порожньо. Напишіть текст.",
        "fault_unreadable": "Є невидимий символ або перенесення рядка там, де рядок один. Приберіть його.",
        "fault_unknown": "Немає таких даних: {{{name}}}. Можна вставити лише: {wanted}.",
        "fault_unused": "Бракує {{{name}}}: без цього людина не отримає своїх даних. Вставте його.",
        "fault_brace": "Фігурна дужка поза вставкою. Вставка пишеться як {{назва}} без пробілів.",
        "fault_brace_locked": (
            "Цей текст видно на заблокованому телефоні, тому даних у ньому бути не може. Приберіть дужки."
        ),
        "fault_letters": (
            "Є символ, якого не покаже кнопковий телефон. Лишіть українські чи латинські літери та звичайні знаки."
        ),
        "fault_segments": "З найдовшими даними це {units} символів, {parts} част., а дозволено {allowed}. Скоротіть.",
        "fault_segments_range": "Вкажіть від 1 до {allowed} частин.",
        "fault_length": "Тут {length} символів, а дозволено {allowed}. Скоротіть.",
        "fault_parameters": "Вставок {count}, а Viber дозволяє {allowed}.",
        "fault_parameter_name": "Назва вставки довша за {allowed} символів: Viber такої не прийме.",
        "fault_ends": "Viber не приймає текст, що закінчується вставкою. Допишіть після неї слова.",
        "fault_yours": "Повідомлення отримає інша людина, тож «ваш» чи «вам» тут неправильні. Скажіть інакше.",
        "fault_needs_other": (
            "Тут сказано «ваш» чи «вам», а окремого тексту для близької людини немає. Скажіть без цих слів."
        ),
    },
    "en": {
        "language_uk": "in Ukrainian",
        "language_en": "in English",
        "for_other": "for a close person",
        "without_verification_code": "without a code",
        "without_created_at": "without a date",
        "without_purpose": "without a purpose",
        "whole": "the main text",
        "key_sms": "SMS",
        "key_sms_segments": "Parts the SMS may take",
        "key_viber": "Viber",
        "key_diia": "Diia",
        "key_diia_title": "Diia: title",
        "key_diia_short": "Diia: short text",
        "key_diia_full": "Diia: full text",
        "viber_not_needed": "Viber: registered",
        "viber_to_submit": "Viber: to be submitted",
        "viber_submitted": "Viber: in moderation",
        "viber_approved": "Viber: approved",
        "viber_rejected": "Viber: rejected",
        "parts_one": "{count} part",
        "parts_few": "{count} parts",
        "parts_many": "{count} parts",
        "letters_one": "{count} character",
        "letters_few": "{count} characters",
        "letters_many": "{count} characters",
        "version": "version {no}",
        "version_file": "the file's text",
        "fault_empty": "Empty. Write the text.",
        "fault_unreadable": (
            "There is a character that nobody sees, or a line break where one line is shown. Take it out."
        ),
        "fault_unknown": "There is no such datum: {{{name}}}. Only these may be put in: {wanted}.",
        "fault_unused": "{{{name}}} is missing: without it people do not get their data. Put it in.",
        "fault_brace": "A brace outside a placeholder. A placeholder is written {{name}}, without spaces.",
        "fault_brace_locked": "A locked phone shows this text, so no data may be in it. Take the braces out.",
        "fault_letters": (
            "A character that a button phone cannot show. Keep to Ukrainian or Latin letters and plain signs."
        ),
        "fault_segments": (
            "With the longest data this is {units} characters, {parts} parts; {allowed} allowed. Shorten it."
        ),
        "fault_segments_range": "Say from 1 to {allowed} parts.",
        "fault_length": "{length} characters, and {allowed} are allowed. Shorten it.",
        "fault_parameters": "{count} placeholders, and Viber allows {allowed}.",
        "fault_parameter_name": "A placeholder's name is longer than {allowed}: Viber does not take it.",
        "fault_ends": "Viber takes no text that ends with a placeholder. Put words after it.",
        "fault_yours": "Another person gets this message, so 'your' is wrong here. Say it otherwise.",
        "fault_needs_other": "This says 'your', and there is no text of its own for a close person. Say it without.",
    },
}
"""By language. ``{{`` stands for a brace that people are told of."""
