"""Why something was decided: a stable code with one plain sentence in English and in Ukrainian.

What belongs here: the sentences for decisions about recipients and routes, without personal data. What does not: the
decisions (``recipient``, ``policy``), messages to patients and labels of pages (``render``).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """``code`` may be relied on; the sentences are for people and may change."""

    code: str
    en: str
    uk: str


EXPLANATIONS: dict[str, Explanation] = {
    row.code: row
    for row in (
        # Who is informed.
        Explanation(
            "own_phone",
            "The patient is informed on their own phone.",
            "Пацієнта повідомляємо на його власний номер.",
        ),
        Explanation(
            "own_phone_first_of_several",
            "The patient has several own phones; the first-added one is used.",
            "Пацієнт має кілька власних номерів; обрано доданий першим.",
        ),
        Explanation(
            "own_documents",
            "The patient is authenticated by documents and has no phone; the summary is printed.",
            "Пацієнт автентифікується за документами й не має телефону; довідку друкують.",
        ),
        Explanation(
            "third_person_phone",
            "The patient is informed through a third person, on that person's phone.",
            "Пацієнта повідомляємо через іншу особу, на її номер.",
        ),
        Explanation(
            "third_person_documents",
            "The third person is authenticated by documents and has no phone; the summary is printed.",
            "Інша особа автентифікується за документами й не має телефону; довідку друкують.",
        ),
        Explanation(
            "guardian_phone",
            "A parent or guardian acts for the patient and is informed on their phone.",
            "За пацієнта діє законний представник; повідомляємо на його номер.",
        ),
        Explanation(
            "guardian_documents",
            "A parent or guardian acts for the patient and has no phone; the summary is printed.",
            "За пацієнта діє законний представник, який не має телефону; довідку друкують.",
        ),
        Explanation(
            "chosen_by_caller",
            "The authentication method named in inform_with is used.",
            "Використано метод автентифікації, обраний у запиті.",
        ),
        Explanation(
            "print_chosen",
            "The caller chose print; the code is not put on paper because the default way is not by documents.",
            "Обрано друк; коду на папері немає, бо основний спосіб не за документами.",
        ),
        Explanation(
            "print_chosen_with_code",
            "The caller chose print; the code is on paper because the default way is by documents.",
            "Обрано друк; код є на папері, бо основний спосіб за документами.",
        ),
        Explanation(
            "programme_without_messages",
            "The document's programme has notifications switched off; the summary is printed with the code.",
            "У програмі цього документа сповіщення вимкнено; друкуємо довідку з кодом.",
        ),
        # What else the reader should know.
        Explanation(
            "own_method_ignored_under_14",
            "The patient is under 14: their own phone or documents are not used.",
            "Пацієнту менше 14 років: його власний номер чи документи не використовуємо.",
        ),
        Explanation(
            "own_method_ignored_guardian_decides",
            "A guardian acts for the patient: their own phone or documents are not used.",
            "За пацієнта діє законний представник: власний номер чи документи пацієнта не використовуємо.",
        ),
        Explanation(
            "confidant_not_checked",
            "The patient's confidants were not told, so the authentication method itself was trusted.",
            "Відомостей про законних представників не надано, тож довіряємо самому методу автентифікації.",
        ),
        Explanation(
            "one_of_several_guardians",
            "Several guardians can be informed; the first-added one is used.",
            "Повідомити можна кількох законних представників; обрано доданого першим.",
        ),
        Explanation(
            "third_person_available_with_inform_with",
            "A third person with a phone is linked; name that method in inform_with to inform them.",
            "Є інша особа з телефоном; щоб повідомити її, вкажіть цей метод в inform_with.",
        ),
        # Why nobody can be informed.
        Explanation(
            "no_authentication_method",
            "The patient has no authentication method.",
            "Пацієнт не має методу автентифікації.",
        ),
        Explanation(
            "guardian_missing",
            "A parent or guardian must be informed, and none is linked to the patient.",
            "Повідомити треба законного представника, а його не пов'язано з пацієнтом.",
        ),
        Explanation(
            "method_not_found",
            "inform_with names a method that this patient does not have; use the id of one of theirs.",
            "Такого методу в пацієнта немає; вкажіть ідентифікатор одного з його методів.",
        ),
        Explanation(
            "method_type_na",
            "The named method is not a way to inform anybody (type NA).",
            "Обраним методом повідомити неможливо (тип NA).",
        ),
        Explanation(
            "method_not_allowed_under_14",
            "The patient is under 14: only a method through another person may be used.",
            "Пацієнту менше 14 років: можна лише метод через іншу особу.",
        ),
        Explanation(
            "method_not_allowed_guardian_decides",
            "A guardian acts for the patient: only a method through another person may be used.",
            "За пацієнта діє законний представник: можна лише метод через іншу особу.",
        ),
        Explanation(
            "method_inactive",
            "The authentication method is not active.",
            "Метод автентифікації неактивний.",
        ),
        Explanation(
            "method_ended",
            "The authentication method has ended.",
            "Строк дії методу автентифікації минув.",
        ),
        Explanation(
            "method_not_started",
            "The authentication method has not started yet.",
            "Метод автентифікації ще не почав діяти.",
        ),
        Explanation(
            "method_without_phone",
            "The authentication method by phone has no phone number.",
            "У методі автентифікації за телефоном немає номера.",
        ),
        Explanation(
            "third_person_link_inactive",
            "The link to the third person is not active.",
            "Зв'язок з іншою особою неактивний.",
        ),
        Explanation(
            "third_person_link_expired",
            "The link to the third person has ended; it must be renewed.",
            "Строк дії зв'язку з іншою особою минув; його треба поновити.",
        ),
        Explanation(
            "third_person_link_not_started",
            "The link to the third person has not started yet.",
            "Зв'язок з іншою особою ще не почав діяти.",
        ),
        Explanation(
            "third_person_is_patient",
            "The link to a third person leads back to the patient.",
            "Зв'язок з іншою особою веде до самого пацієнта.",
        ),
        Explanation(
            "third_person_not_guardian",
            "The linked third person is not among the patient's confidants.",
            "Пов'язана особа не є законним представником пацієнта.",
        ),
        Explanation(
            "guardian_relation_ended",
            "The linked person is no longer the patient's confidant.",
            "Пов'язана особа вже не є законним представником пацієнта.",
        ),
        Explanation(
            "guardian_not_confirmed",
            "The linked person's relation to the patient has not been approved.",
            "Зв'язок представника з пацієнтом не підтверджено.",
        ),
        Explanation(
            "third_person_unknown",
            "The third person's own record is not known here; it must be sent first.",
            "Відомостей про іншу особу тут немає; спершу їх треба передати.",
        ),
        Explanation(
            "third_person_too_young",
            "The third person is under 14.",
            "Іншій особі менше 14 років.",
        ),
        Explanation(
            "third_person_needs_guardian",
            "The third person needs a guardian themselves.",
            "Інша особа сама потребує законного представника.",
        ),
        Explanation(
            "third_person_without_method",
            "The third person has no active phone or documents of their own.",
            "Інша особа не має власного чинного методу за телефоном чи за документами.",
        ),
        Explanation(
            "third_person_chained",
            "The third person is only reached through somebody else, which is not allowed.",
            "Інша особа сама доступна лише через когось іншого, а це не дозволено.",
        ),
        # Why a summary is printed beside the messages.
        Explanation(
            "crisis_operator",
            "Crisis mode: messages to phones of this operator may not arrive; print the summary, any code is on it.",
            "Кризовий режим: повідомлення абонентам цього оператора можуть не дійти; друкуйте довідку, на ній і код.",
        ),
        Explanation(
            "crisis_programme",
            "Crisis mode: messages of this programme may not arrive; print the summary, any code is on it.",
            "Кризовий режим: повідомлення за цією програмою можуть не дійти; друкуйте довідку, на ній і код.",
        ),
        Explanation(
            "crisis_region",
            "Crisis mode: messages in this region may not arrive; print the summary, any code is on it.",
            "Кризовий режим: повідомлення в цьому регіоні можуть не дійти; друкуйте довідку, на ній і код.",
        ),
        Explanation(
            "crisis_everything",
            "Crisis mode: messages may not arrive; print the summary, any code is on it.",
            "Кризовий режим: повідомлення можуть не дійти; друкуйте довідку, на ній і код.",
        ),
        # Why a step of a route is left out.
        Explanation(
            "diia_without_tax_id",
            "Diia finds people by tax number, and this person's is not known.",
            "Дія знаходить людину за податковим номером, а він невідомий.",
        ),
        Explanation(
            "channel_not_configured",
            "No provider of this channel is configured.",
            "Для цього каналу не налаштовано постачальника.",
        ),
    )
}


def explain(code: str) -> Explanation:
    """Give the row of a code. An unknown code is a mistake in this package: KeyError."""
    return EXPLANATIONS[code]
