"""What the information summary says of each kind: its title, what it is for, where to go, what to bring.

What belongs here: wording per kind in each language, standard and plain. Plain wording is for everybody who finds
official letters hard: short sentences, one thought each, no word that needs explaining. What does not: what all pages
say (``summary_words``).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KindWords:
    """One kind in one wording. ``bring`` and ``code_hint`` None: this kind has nothing to say of it.

    ``is_over``: the document no longer serves, so the page says what happened and what to do instead of what it is for
    and where to go.
    """

    title: str
    number_label: str
    purpose: str
    where: str
    bring: str | None = None
    code_hint: str | None = None
    is_over: bool = False


Wordings = Mapping[str, Mapping[str, KindWords]]

STANDARD: Wordings = {
    "plain_text": {
        "uk": KindWords(
            "Повідомлення",
            "Номер",
            "Повідомити Вас про зміни в електронній системі охорони здоров’я.",
            "Якщо щось незрозуміло, запитайте медичного працівника.",
        ),
        "en": KindWords(
            "Message",
            "Number",
            "To tell you of changes in the electronic health system.",
            "If anything is unclear, ask a health worker.",
        ),
    },
    "confirmation_code": {
        "uk": KindWords(
            "Код підтвердження",
            "Номер",
            "Підтвердити дію, про яку Ви домовилися з медичним працівником.",
            "Назвіть код лише тому медичному працівникові, до якого Ви звернулися. Код одноразовий.",
            code_hint="Стороннім цей код не кажіть.",
        ),
        "en": KindWords(
            "Confirmation code",
            "Number",
            "To confirm what you agreed with your health worker.",
            "Tell the code only to the health worker whom you asked for help. It works once.",
            code_hint="Do not tell this code to strangers.",
        ),
    },
    "prescription_issued": {
        "uk": KindWords(
            "Електронний рецепт",
            "Номер рецепта",
            "Отримати в аптеці ліки, які призначив лікар.",
            "До аптеки. Якщо ліки за державною програмою, спершу спитайте, чи аптека бере в ній участь.",
            "Цей аркуш. Аптекар зчитає з нього номер, або Ви назвете номер самі.",
            "Назвіть його аптекареві, коли він попросить. Більше нікому не кажіть.",
        ),
        "en": KindWords(
            "Electronic prescription",
            "Prescription number",
            "To get at a pharmacy the medicines that the doctor prescribed.",
            "A pharmacy. If a state programme pays, ask first whether the pharmacy takes part.",
            "This page. The pharmacist scans the number, or you tell it.",
            "Tell it to the pharmacist when asked, and to nobody else.",
        ),
    },
    "prescription_rejected": {
        "uk": KindWords(
            "Рецепт відкликано",
            "Номер рецепта",
            "Цей рецепт більше не діє: ліків за ним не видадуть.",
            "Якщо ліки потрібні, зверніться до лікаря.",
            is_over=True,
        ),
        "en": KindWords(
            "Prescription withdrawn",
            "Prescription number",
            "This prescription is no longer valid: no medicines are given for it.",
            "If they are needed, ask the doctor.",
            is_over=True,
        ),
    },
    "prescription_blocked": {
        "uk": KindWords(
            "Рецепт заблоковано",
            "Номер рецепта",
            "Аптека не видасть ліків за цим рецептом.",
            "Зверніться до лікаря, який його виписав: він пояснить причину і за потреби випише новий.",
            is_over=True,
        ),
        "en": KindWords(
            "Prescription blocked",
            "Prescription number",
            "The pharmacy will not give medicines for this prescription.",
            "Ask the doctor who issued it: they will explain why and issue a new one if needed.",
            is_over=True,
        ),
    },
    "referral_issued": {
        "uk": KindWords(
            "Електронне направлення",
            "Номер направлення",
            "Отримати послугу, на яку направив лікар.",
            "До медичного закладу, який надає цю послугу. Запишіться телефоном або в реєстратурі й назвіть номер.",
            "Цей аркуш і документ, що посвідчує особу.",
        ),
        "en": KindWords(
            "Electronic referral",
            "Referral number",
            "To get the service that the doctor referred you for.",
            "A clinic or hospital that provides it. Book by phone or at its desk and tell the number.",
            "This page and an identity document.",
        ),
    },
    "referral_cancelled": {
        "uk": KindWords(
            "Направлення відмінено",
            "Номер направлення",
            "Це направлення більше не діє.",
            "Якщо послуга потрібна, зверніться до лікаря.",
            is_over=True,
        ),
        "en": KindWords(
            "Referral cancelled",
            "Referral number",
            "This referral is no longer valid.",
            "If the service is needed, ask the doctor.",
            is_over=True,
        ),
    },
    "referral_recalled": {
        "uk": KindWords(
            "Направлення відкликано",
            "Номер направлення",
            "Це направлення більше не діє.",
            "Якщо послуга потрібна, зверніться до лікаря.",
            is_over=True,
        ),
        "en": KindWords(
            "Referral recalled",
            "Referral number",
            "This referral is no longer valid.",
            "If the service is needed, ask the doctor.",
            is_over=True,
        ),
    },
    "device_request_issued": {
        "uk": KindWords(
            "Призначення медичного виробу",
            "Номер призначення",
            "Отримати медичний виріб, який призначив лікар.",
            "До аптеки або закладу, що видає такі вироби. Де саме, скаже лікар.",
            "Цей аркуш. З нього зчитають номер, або Ви назвете номер самі.",
            "Назвіть його, коли Вам видаватимуть виріб. Більше нікому не кажіть.",
        ),
        "en": KindWords(
            "Medical device request",
            "Request number",
            "To get the medical device that the doctor ordered.",
            "A pharmacy or another place that gives out such devices. The doctor will say where.",
            "This page. The number is scanned from it, or you tell it.",
            "Tell it when you are given the device, and to nobody else.",
        ),
    },
    "device_request_error": {
        "uk": KindWords(
            "Призначення виробу помилкове",
            "Номер призначення",
            "Це призначення внесено помилково: виробу за ним не видадуть.",
            "Якщо виріб потрібен, зверніться до лікаря.",
            is_over=True,
        ),
        "en": KindWords(
            "Device request in error",
            "Request number",
            "This request was entered in error: no device is given for it.",
            "If the device is needed, ask the doctor.",
            is_over=True,
        ),
    },
    "care_plan_created": {
        "uk": KindWords(
            "План лікування",
            "Номер плану",
            "Лікуватися за планом, який склав лікар, також у різних закладах.",
            "До лікаря, який веде план, або до іншого закладу. Назвіть там номер: за ним план знайдуть.",
            "Цей аркуш. Збережіть його на весь час лікування.",
        ),
        "en": KindWords(
            "Care plan",
            "Plan number",
            "To be treated by the plan that the doctor made, at other clinics too.",
            "The doctor who keeps the plan, or another clinic. Tell the number: the plan is found by it.",
            "This page. Keep it for as long as you are treated.",
        ),
    },
    "conclusion_issued": {
        "uk": KindWords(
            "Медичний висновок",
            "Номер висновку",
            "Підтвердити те, що встановив лікар. Висновок знайдуть в електронній системі за номером.",
            "Туди, де потрібен висновок. Назвіть там його номер.",
            "Цей аркуш і документ, що посвідчує особу.",
        ),
        "en": KindWords(
            "Medical conclusion",
            "Conclusion number",
            "To prove what the doctor found. The conclusion is found in the electronic system by its number.",
            "Where the conclusion is needed. Tell its number there.",
            "This page and an identity document.",
        ),
    },
    "conclusion_error": {
        "uk": KindWords(
            "Медичний висновок скасовано",
            "Номер висновку",
            "Цей висновок внесено помилково, він більше не діє.",
            "Якщо висновок потрібен, зверніться до лікаря.",
            is_over=True,
        ),
        "en": KindWords(
            "Medical conclusion cancelled",
            "Conclusion number",
            "This conclusion was entered in error and is no longer valid.",
            "If a conclusion is needed, ask the doctor.",
            is_over=True,
        ),
    },
}

_OVER_UK = "Подзвоніть лікареві або прийдіть до нього."
_OVER_EN = "Call your doctor or go and see them."

PLAIN: Wordings = {
    "plain_text": {
        "uk": KindWords("Повідомлення", "Номер", "Для Вас є новина про Ваше лікування.", "Спитайте свого лікаря."),
        "en": KindWords("Message", "Number", "There is news about your treatment.", "Ask your doctor."),
    },
    "confirmation_code": {
        "uk": KindWords(
            "Ваш код",
            "Номер",
            "Цей код каже лікареві, що Ви згодні.",
            "Скажіть код своєму лікареві. Код діє один раз.",
            code_hint="Нікому іншому не кажіть.",
        ),
        "en": KindWords(
            "Your code",
            "Number",
            "This code tells the doctor that you agree.",
            "Tell the code to your doctor. It works once.",
            code_hint="Tell it to nobody else.",
        ),
    },
    "prescription_issued": {
        "uk": KindWords(
            "Ваш рецепт на ліки",
            "Номер рецепта",
            "За цим рецептом Ви отримаєте ліки.",
            "Ідіть до аптеки.",
            "Візьміть цей аркуш. Покажіть його в аптеці.",
            "Скажіть цей код в аптеці. Нікому іншому не кажіть.",
        ),
        "en": KindWords(
            "Your prescription",
            "Prescription number",
            "You get your medicines with it.",
            "Go to a pharmacy.",
            "Take this page. Show it at the pharmacy.",
            "Tell this code at the pharmacy. Tell it to nobody else.",
        ),
    },
    "prescription_rejected": {
        "uk": KindWords("Рецепт не діє", "Номер рецепта", "Ліків за цим рецептом не дадуть.", _OVER_UK, is_over=True),
        "en": KindWords(
            "The prescription has ended", "Prescription number", "You get no medicines with it.", _OVER_EN, is_over=True
        ),
    },
    "prescription_blocked": {
        "uk": KindWords("Рецепт зупинено", "Номер рецепта", "Ліків за цим рецептом не дадуть.", _OVER_UK, is_over=True),
        "en": KindWords(
            "The prescription is stopped",
            "Prescription number",
            "You get no medicines with it.",
            _OVER_EN,
            is_over=True,
        ),
    },
    "referral_issued": {
        "uk": KindWords(
            "Ваше направлення",
            "Номер направлення",
            "З ним Вас прийме інший лікар або лабораторія.",
            "Подзвоніть до лікарні. Скажіть номер направлення. Вам скажуть, коли прийти.",
            "Візьміть цей аркуш і паспорт.",
        ),
        "en": KindWords(
            "Your referral",
            "Referral number",
            "Another doctor or a laboratory will see you with it.",
            "Call a hospital. Tell the number. They will say when to come.",
            "Take this page and your passport.",
        ),
    },
    "referral_cancelled": {
        "uk": KindWords(
            "Направлення не діє", "Номер направлення", "З цим направленням Вас не приймуть.", _OVER_UK, is_over=True
        ),
        "en": KindWords(
            "The referral has ended", "Referral number", "Nobody will see you with it.", _OVER_EN, is_over=True
        ),
    },
    "referral_recalled": {
        "uk": KindWords(
            "Направлення не діє", "Номер направлення", "З цим направленням Вас не приймуть.", _OVER_UK, is_over=True
        ),
        "en": KindWords(
            "The referral has ended", "Referral number", "Nobody will see you with it.", _OVER_EN, is_over=True
        ),
    },
    "device_request_issued": {
        "uk": KindWords(
            "Ваш медичний виріб",
            "Номер призначення",
            "З цим аркушем Ви отримаєте виріб.",
            "Спитайте в лікаря, де його дають.",
            "Візьміть цей аркуш. Покажіть його там.",
            "Скажіть цей код там, де дають виріб. Нікому іншому не кажіть.",
        ),
        "en": KindWords(
            "Your medical device",
            "Request number",
            "You get the device with this page.",
            "Ask your doctor where it is given out.",
            "Take this page. Show it there.",
            "Tell this code where you get the device. Tell it to nobody else.",
        ),
    },
    "device_request_error": {
        "uk": KindWords("Призначення не діє", "Номер призначення", "Виробу за ним не дадуть.", _OVER_UK, is_over=True),
        "en": KindWords(
            "The request has ended", "Request number", "You get no device with it.", _OVER_EN, is_over=True
        ),
    },
    "care_plan_created": {
        "uk": KindWords(
            "Ваш план лікування",
            "Номер плану",
            "Лікар записав, як Вас лікувати.",
            "Скажіть номер кожному лікареві, до якого йдете.",
            "Беріть цей аркуш до лікаря. Не викидайте його.",
        ),
        "en": KindWords(
            "Your care plan",
            "Plan number",
            "The doctor wrote down how to treat you.",
            "Tell the number to every doctor you see.",
            "Take this page to the doctor. Do not throw it away.",
        ),
    },
    "conclusion_issued": {
        "uk": KindWords(
            "Ваш медичний висновок",
            "Номер висновку",
            "Лікар записав, що він встановив.",
            "Скажіть номер там, де просять висновок.",
            "Візьміть цей аркуш і паспорт.",
        ),
        "en": KindWords(
            "Your medical conclusion",
            "Conclusion number",
            "The doctor wrote down what they found.",
            "Tell the number where the conclusion is asked for.",
            "Take this page and your passport.",
        ),
    },
    "conclusion_error": {
        "uk": KindWords("Висновок не діє", "Номер висновку", "У ньому була помилка.", _OVER_UK, is_over=True),
        "en": KindWords(
            "The conclusion has ended", "Conclusion number", "There was a mistake in it.", _OVER_EN, is_over=True
        ),
    },
}
