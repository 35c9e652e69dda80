"""The names of a credential's fields and kinds of achievement, in a wallet or after a verdict."""

from __future__ import annotations

from collections.abc import Mapping

LABELS: Mapping[str, str] = {
    # of a summary
    "what": "credential",
    "whom": "awarded to",
    "by": "by",
    "when": "date",
    "degree": "degree",
    "achievement_type": "type",
    # further ones
    "awarded": "awarded on",
    "result": "result",
    "credits": "credits",
    "number": "number",
    "did": "its DID",
    "address": "web address",
    "since": "valid from",
    "until": "valid until",
    "bound": "bound to",
    "checked": "checked",
    "id": "id here",
}
"""Labels by field. `when` is the day of the award, else of the beginning; `did`, `address`: the issuer's."""

ACHIEVEMENTS: Mapping[str, str] = {
    "Achievement": "Achievement",
    "ApprenticeshipCertificate": "Apprenticeship certificate",
    "Assessment": "Assessment",
    "Assignment": "Assignment",
    "AssociateDegree": "Associate degree",
    "Award": "Award",
    "BachelorDegree": "Bachelor's degree",
    "Badge": "Badge",
    "Certificate": "Certificate",
    "CertificateOfCompletion": "Certificate of completion",
    "Certification": "Certification",
    "CoCurricular": "Co-curricular achievement",
    "CommunityService": "Community service",
    "Competency": "Competency",
    "Course": "Course",
    "Degree": "Degree",
    "Diploma": "Diploma",
    "DoctoralDegree": "Doctoral degree",
    "Fieldwork": "Fieldwork",
    "GeneralEducationDevelopment": "General educational development (GED)",
    "JourneymanCertificate": "Journeyman certificate",
    "LearningProgram": "Learning programme",
    "License": "Licence",
    "MasterCertificate": "Master craftsman's certificate",
    "MasterDegree": "Master's degree",
    "Membership": "Membership",
    "MicroCredential": "Micro-credential",
    "ProfessionalDoctorate": "Professional doctorate",
    "QualityAssuranceCredential": "Quality assurance credential",
    "ResearchDoctorate": "Research doctorate",
    "SecondarySchoolDiploma": "Secondary school diploma",
}
"""Labels by the values of Open Badges 3.0 `AchievementType`."""
