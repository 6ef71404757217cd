// What language.cpp counts: frequent words and the letters with marks of each language. Included
// there alone.
#pragma once

#include <string_view>

namespace llmroute::analysis {

// Lower case, words parted by a space; letters without those of ASCII (of Cyrillic languages those
// that the others lack). A language without code is there so that its texts are not taken for its
// neighbour's.
struct LanguageTable {
  std::string_view code;
  std::string_view words;
  std::string_view letters;
};

inline constexpr LanguageTable kLanguageTables[] = {
    {"cs",
     "a aby ale ani ano asi až bez bude bych byl byla bylo být chci co den dnes do dobrý "
     "děkuji i jak jako jaká jaké jaký je jeho jen jestli ještě jsem jsi jsme jsou jste já k "
     "kde kdo kdy když která které který mi mohu musím má mám máte mě můj může můžete na napiš "
     "napište nebo není než o od po pod podle pokud potřebuji pro prosím protože proč před "
     "přelož při s se si správně své ta tak také tam tento to tom toto tuto této u už v ve "
     "vysvětli vám vás více všechny z za ze či že",
     "áčďéěíňóřšťúůýž"},
    {"da",
     "af alle at blev blive bliver da de dem den denne der deres det dette dig din du efter "
     "eller en er et for fordi forklar fra få gerne gøre han har have hej hjælp hjælpe hun "
     "hvad hver hvilken hvis hvor hvordan hvorfor hvornår i igen ikke ind jeg kan kom kunne "
     "lidt man med meget men mig min mit mod nej nogen noget nogle når og også om op os over "
     "på sig skal skriv skulle som så tak til ud uden under var ved venligst vi vil være været "
     "ændre ændrer",
     "æøå"},
    {"de",
     "aber alle als also am an auch auf aus bei beim bin bis bitte da damit danke dann das "
     "dass dein dem den der des die dies diese diesem diesen dieser doch du durch ein eine "
     "einem einen einer eines er erklär erkläre es euch fasse für gibt habe haben hat hatte "
     "hier ich ihm ihn ihr ihre im in ist ja jetzt kann kannst kein keine können könnte man "
     "mehr mein meine meinem meinen meiner mich mir mit muss möchte nach nicht noch nur ob "
     "oder ohne schreib schreibe sehr sein seine sich sie sind so um und uns unter vom von vor "
     "wann war warum was welche welcher welches wenn wer werden wie wieder wir wird wo wurde "
     "zeig zu zum zur zwischen über übersetze",
     "äöüß"},
    {"en",
     "a about after all also am an and any are as at back be because been best but by can "
     "could did didn do does doesn don each explain few find for from get give had has have he "
     "hello help her here his how i if in into is isn it its just know like make many may me "
     "more most much my need no not now of on one only or other our out please she should show "
     "so some such summarize tell than thank thanks that the their them then there these they "
     "this to translate two up us use using want was we were what when where which while who "
     "why will with work would write you your",
     ""},
    {"es",
     "a al algo ante antes aquí así aunque ayuda ayúdame cada como con cual cuando cuál cuándo "
     "cuánto cómo de del desde dime donde dónde e el ella ellos en entre era es esa escriba "
     "escribe ese eso esta este esto estoy está están explica favor fue gracias ha hacer han "
     "hasta hay haz hola la las le les lo los me mi mis mucho muy más nada ni no nos o otra "
     "otro para pero podría por porque puede puedes puedo que quiero quién qué resume se según "
     "ser si sin sobre son soy su sus sí también te tengo tiene todo todos traduce tu tus un "
     "una unos y ya yo él",
     "áéíñóúü¿¡"},
    {"fi",
     "ei eikä en ennen enää että he hei hän ja jo joka jos jossa jota kaikki kanssa kautta "
     "kiitos kirjoita koska kuin kuinka kuka kun me miksi mikä milloin minua minulla minulle "
     "minun minut minä missä miten mitä mukaan mutta myös ne niin nyt nämä ole olen oli olisi "
     "on onko ovat paljon pitäisi pitää saada se sekä selitä sen siis siitä sinulle sinun sinä "
     "sitten sitä tai te tähän tämä tämän tätä vai vain vielä voi voin voinko voisi voisitko "
     "voit voitko yli",
     "äö"},
    {"fr",
     "aide alors au aussi autre aux avec avez avoir bien bonjour c car ce cela ces cet cette "
     "chez combien comme comment d dans de depuis des deux dire donc du elle elles en encore "
     "entre est et eu explique expliquez faire fait faut il ils j je jusqu l la le les leur "
     "lui là ma mais me merci mes moi mon même n ne nos notre nous on ont ou où par pas peut "
     "peux plus pour pourquoi pourriez qu quand que quel quelle quelles quels qui quoi résume "
     "sa sans se ses si son sont sous suis sur ta te tes toi ton tous tout traduis très tu un "
     "une va vers veux voici vos votre voudrais vous y à ça écris écrivez était être",
     "àâæçéèêëîïôœùûÿ"},
    {"hu",
     "a ahol akkor amely ami amit arra az azt ban be ben csak de e egy egyik el engem ennek ez "
     "ezek ezen ezt fel fordítsd ha hanem hogy hogyan hol hány is itt jó kell ki kérem kérlek "
     "köszönöm le lehet lenne lesz ma magyarázd meg melyik mert mi mikor milyen minden mint "
     "mit miért most már még nagyon ne nekem nem nincs olyan ott pedig sem senki szeretnék "
     "szeretném szerint szia szép tud tudja tudok tudom több után vagy vagyok van vannak volt "
     "én írj össze úgy ő ők",
     "áéíóöőúüű"},
    {"id",
     "ada adalah agar akan aku anda antara apa apakah atas atau bagaimana bahwa banyak baru "
     "belum berapa bisa bisakah buat buatkan cara dalam dan dapat dari dengan di dia hari "
     "harus ingin ini itu jadi jelaskan jika juga kalau kami kamu kapan karena kasih kata ke "
     "kenapa kepada kita lagi lain lebih mana masih mau mengapa mereka mohon nama namun oleh "
     "orang pada paling para perlu pernah saat saja sama sampai sangat saya sebagai sebuah "
     "sedang semua seperti siapa sudah supaya tahun tapi telah terima tersebut tetapi tidak "
     "tolong tulis untuk yang",
     ""},
    {"it",
     "a abbiamo aiutami al alla alle allo anche ancora avere bene c che chi ci ciao come con "
     "cosa così cui d da dal dalla dei del della delle dello devo di dopo dove e ed era essere "
     "fa fare fra gli grazie ha hai hanno ho i il in io l la le lei lo loro lui ma mi mia mie "
     "miei mio molto ne nel nella nelle no noi non nostro o oggi ogni per perche perché più "
     "poi possibile posso potrebbe puoi qual quale quali quando quanto quella quello questa "
     "queste questi questo qui riassumi sapere scrivi se sei senza si sia solo sono spiega sta "
     "su sua sul sulla suo sì tra traduci tu tutti tutto un una uno vorrei è",
     "àèéìòù"},
    {"nl",
     "aan al alle als alsjeblieft alstublieft ben bent bij daar dan dank dat de deze die dit "
     "doen door dus een en er geen graag haar had hallo heb hebben hebt heeft hem het hier hij "
     "hoe hoeveel hun ik in is ja je jij jouw kan kun kunnen kunt leg maar me meer met mij "
     "mijn moet na naar niet nog nu of om omdat onder ons onze ook op over schrijf te tegen "
     "toch tot u uit uw van veel vertaal voor waar waarom wanneer wat we weer wel welke werd "
     "wie wij wil worden wordt zal ze zich zij zijn zo zonder zou",
     "éëïó"},
    {"no",
     "alle at av ble bli blir da de deg dem den denne der dere deres det dette din du eller en "
     "endre endrer er et etter for fordi forklar fra få gjerne gjøre ha han har hei hjelp "
     "hjelpe hun hva hvem hver hvilken hvis hvor hvordan hvorfor i igjen ikke inn jeg kan kom "
     "kunne litt man med meg men mer min mitt mot mye nei noe noen nå når og også om opp oss "
     "over på seg skal skriv skulle som så takk til under ut uten var ved vennligst vi vil "
     "være vært ønsker",
     "æøå"},
    {"pl",
     "a aby albo ale ani bardzo bez bo być był była było chcę ci co coś cześć czy czym dla "
     "dlaczego do dzień dziękuję gdy gdzie go i ich ile im ja jak jaka jaki jakie jako je jego "
     "jej jest jestem jeszcze jeśli już każdy kiedy kto która które której który ma mam masz "
     "mi mnie mogę moja moje może możesz można mu musi my mój na nad nam napisz nas nic nie "
     "niż o od on ona one oni oraz po pod pomóż potrzebuję proszę przed przetłumacz przez przy "
     "roku się swoje są ta tak także tam te tego tej ten to tu tutaj tylko tym u w we więc "
     "wszystkie wszystko wyjaśnij z za ze że żeby",
     "ąćęłńóśźż"},
    {"pt",
     "a ajuda ao aos aqui as até bem boa bom com como da das de dela dele depois do dos e ela "
     "ele eles em entre era escreva essa esse esta este está estão eu explique favor fazer "
     "faça foi gostaria há isso isto já lhe mais mas me mesmo meu meus minha minhas muito na "
     "nas nem no nos nossa nosso nossos não nós o obrigada obrigado olá onde os ou para pela "
     "pelo pode podem por porque posso preciso quais qual quando quanto que quem quero resuma "
     "se sem ser seu seus sobre sua são só também te tem tenho ter todos traduza tudo um uma "
     "uns você vocês vou à é",
     "àáâãçéêíóôõú"},
    {"ro",
     "a această acest aceste ai ajută al ale am are asta astăzi atunci au avea aș bună ca care "
     "ce cea cei cel cele cine cu cum când cât câte că da dacă dar de deci decât despre din "
     "dumneavoastră după ea ei el este eu explică fi fost fără iar la le lor lui mai mea meu "
     "mi mult mulțumesc mâine mă noi nu o pe pentru poate pot poți prin rog sa sau scrie se si "
     "spre sub sunt să te toate traduce trebuie tu un unde unei unor unui va vom vreau vă îmi "
     "împreună în încă într îți și",
     "ăâîșțşţ"},
    {"sv",
     "alla allt att av bara behöver blev bli blir de dem den denna det detta dig din du där då "
     "efter eller en ett från få får för förklara gör göra hade han har hej hjälp hjälpa hon "
     "hur här i in inte jag kan kom kunde lite man med men mer mig min mina mitt mot mycket "
     "måste nej ni nu när någon något några och också om oss på sig ska skriv skulle snälla "
     "som så tack till under upp ut utan vad var vara varför vem vi vid vilka vilken vilket "
     "vill än ändra är åt över översätt",
     "äöå"},
    {"tr",
     "acaba ama ancak artık açıkla bana bazı ben beni benim bile bir biraz biri biz bize bu "
     "bul buna bunu bunun da daha de değil diye en gibi göre hangi hem hepsi her hiç ile "
     "ilgili ise istiyorum için içinde kadar kaç kendi kez ki kim lütfen merhaba mi misin "
     "misiniz miyim mu mü mı mısın mısınız nasıl ne neden nedir nerede o olan olarak oldu "
     "olduğu olmak olur on onu onun sana sen siz sonra teşekkürler tüm var ve veya ya yani yaz "
     "yok zaman çevir çok çünkü üzerine şey şimdi şu",
     "çğıöşü"},
    {"vi",
     "anh bao biết bạn bằng bị cho chúng chưa chỉ các cái có cùng cũng cảm cần của dịch em "
     "giúp giải gì hay hoặc hãy hơn khi không là làm lên lòng lại muốn mà mình mấy một người "
     "nhiều như nhưng những nào này nên nói năm nếu ra rất rồi sao sau sẽ theo thì thích thế "
     "thể trong trên trước tôi tại tất từ viết việc vui và vào vì về với xin ông đang đi điều "
     "đây đã đó được đến đều để ở",
     "ăâđêôơưáàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"},
    // Cyrillic.
    {"bg",
     "а аз ако ал без беше бих благодаря вече ви вие все всички във го да дали добър е един "
     "една ето за защо и им има имам искам как каква какво какъв като кога когато които кой "
     "колко която къде където към ли ме между ми много мога може моля моя моят моята на най "
     "напиши не него нещо ние но о обясни от по под преведи преди през при са само се сега си "
     "след съм със също тази така такива те това този той трябва тук тя у че ще щях я",
     "ъщ"},
    {"ru",
     "а без более бы был была были было быть в вам вас ваш ведь вернуть во вот все всего всё "
     "вы где да для до его ее если есть еще ещё её же за здравствуйте и из изменить или им их "
     "к как какая какие какой когда кто ли лучше меня мне много могу моего моей может можете "
     "можешь можно мой моя мы на над надо нам написать напиши напишите нас не него нет но ну "
     "нужно о об объясни объясните один он она они от очень переведи по под пожалуйста "
     "получить помоги помогите после потому почему при привет про расскажи с сделать сейчас "
     "сколько со спасибо так такое там тебя то того тоже только том ты у уже узнать хочу чем "
     "через что чтобы эта эти это этого этой этом этот я является",
     "ыэёъщ"},
    {"uk",
     "а або але без був будь була були було бути в вам вас вже ви вона вони все всі від він де "
     "день для до добрий дуже дякую ж з за зараз змінити зробити зі й його коли краще кілька "
     "ласка мене мені ми мого може можете можна можу моя моє моєї мій на навіть над нам напиши "
     "напишіть нас не немає ні нічого о один он от отримати переклади по потрібно поясни "
     "поясніть при привіт про просто під після раз розкажи свої свій себе скільки та так такий "
     "також там те теж ти то того тому тут тільки у хочу хто це цей цього цьому ця через чи "
     "чого чому що щоб щодо я як яка яке який якщо які є і із їх її",
     "ґєіїщ"},
    // Neighbours.
    {"",  // Afrikaans
     "aan as asseblief baie daar dat die dit ek en het hoe hulle in jou jy kan ky met moet my "
     "na nie om ons ook op sal sy te tot uit vir was",
     "ëê"},
    {"",  // Catalan
     "a això al als amb aquest aquesta bon bé com de del dels des el els em en era eren es "
     "estan està fer ha han hi i ja la les li ll meu meva molt més ni no nosaltres o on pel "
     "per perquè però quan que quin què se ser seva si sobre són també tinc tot un una unes us "
     "vostè vull és",
     "àçèéíïòóúü"},
    {"",  // Croatian, Bosnian, Serbian in Latin letters
     "a ali bez bi bilo biti da dan do dobar gdje hvala i ili iz ja je jer još kad kako kao "
     "koja koje koji li mi mogao mogu moj moje molim može na ne nego neki nije nisam o od ono "
     "po pod pri s sa sam samo se smo su sve ta taj te tko to u uz vam vas već vi za zašto će "
     "ću što",
     "čćđšž"},
    {"",  // Estonian
     "aga aitäh ega ei ja jah juba ka kas kes kui kuidas kõik ma mida mind minu mis mu mul nad "
     "nii ning olema olen oli oma on palun pole sa saab seda see selle siin siis sinu ta tema "
     "tere väga või ühe üks",
     "äõöü"},
    {"",  // Icelandic
     "af að ekki en er eru eða frá fyrir getur hann hvar hvað hvernig hvers hún með mig mér og "
     "sem sér til um upp var vegna verið vil við á ég í þau það þetta þá þú",
     "áæéíðóöúýþ"},
    {"",  // Latvian
     "ar arī bet bija būt es ir ja jau jums kad kas ko kur kā kāpēc lai lūdzu man mani mans "
     "mums nav ne nevis no par pie pēc savu tad tas tikai tu un uz vai var viņš šis",
     "āčēģīķļņšūž"},
    {"",  // Lithuanian
     "apie ar aš bet bus buvo būti dar dėl gali galiu iki ir iš jau jei ji jis jo jos kad kai "
     "kaip kas kur kuris labai man mano mes ne nuo nėra o per po prašau prie savo su tai tik "
     "todėl už yra",
     "ąčęėįšųūž"},
    {"",  // Slovak
     "a aby aj ako ale alebo ani bez bol bola bolo byť chcem deň dnes do dobrý ešte i ich ja "
     "je jeho kde keď kto ktorá ktoré ktorý ma mi mám máte môj môže môžem môžete na než nie o "
     "od po pod potrebujem pre pretože prečo prosím s sa si sme so som ste sú ta tak tento to "
     "toto tu u už v viac vám vás všetky z za zo áno či čo ďakujem že",
     "áäčďéíĺľňóôŕšťúýž"},
    {"",  // Slovenian
     "a ali bi bil bila bilo biti bo brez da dan danes do dober ga hvala imam in iz jaz je jih "
     "jo kaj kako kdo ker ki kje ko koliko lahko me med mi moj moja na nad naj ne ni nisem o "
     "od po pod pri prosim s sam samo se sem si smo so ta tako te ti to tudi v vam vas več z "
     "za zakaj že",
     "čšž"},
    {"",  // Swahili
     "hii hiyo huo huu ili ingawa jambo kama katika kuwa kwa kwamba la lakini letu mimi mtu na "
     "naomba nataka ndani ni nini pia sana si sisi tafadhali wa wake wangu watu wewe wote ya "
     "yake yangu yeye za zote",
     ""},
    {"",  // Tagalog
     "ako ang ano at ay ba bakit dahil dito gusto hindi ikaw ito iyon ka kailangan kami kapag "
     "kasi kaya ko lang mga mo na naman namin nang ng ngayon niya paano para po pwede rin sa "
     "saan salamat siya tayo tungkol upang wala yung",
     ""},
    {"",  // Belarusian
     "а або але без была быў гэта да дзе для каб калі мне можа мой мы на не ні па пра так у "
     "хто што я яго як яна яны ёсць і",
     "ыэёіў"},
    {"",  // Macedonian
     "а ако без беше во да де до е за зошто и или има каде како кога кој која ли ме ми може "
     "молам мој на не нема но од по при сакам само се со сум таа тоа што јас ќе",
     "ѓѕјљњќџ"},
    {"",  // Serbian
     "а али без би било бити где да до за зашто и из или кад како ко која који ли ме ми може "
     "молим мој на не није о од по са сам само се су та то у хвала шта што ја је још ће",
     "ђјљњћџ"},
    {"",  // Kazakh
     "бар бір бұл да де деп жоқ және маған мен менің ол осы сіз туралы қайда қалай қандай үшін "
     "өте",
     "әғқңөұүһіыэ"},
};

}  // namespace llmroute::analysis
